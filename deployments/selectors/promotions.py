"""Reading promotions for pages: one with all that its page shows, and the list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.core.errors import AbsentError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right
from controlpanel.core.presentation.wording import duration
from deployments.choices import Decision, Rollout, State
from deployments.models import Application, Approval, GateResult, Promotion, PromotionComponent, Verification
from deployments.selectors.approvals import GATE as APPROVALS
from deployments.selectors.cards import Card, Wave
from deployments.selectors.estimates import remaining_seconds, usual_seconds
from deployments.selectors.progress import Step, spans_of, steps_of, waves_of
from deployments.selectors.rollouts import NEWEST_COMMIT, silent_since

FILES = """(SELECT sum(own.count) FROM deployments_renderedcomponent AS rendered,
  LATERAL (SELECT count(*) FROM jsonb_object_keys(rendered.files)) AS own
  WHERE rendered.input_digest IN (SELECT value FROM jsonb_each_text(deployments_promotion.plan -> 'parts')))"""
"""How many files the promotion's commit holds."""


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A promotion with everything that its page shows."""

    promotion: Promotion
    steps: tuple[Step, ...]
    waves: tuple[Wave, ...]
    planned: tuple[tuple[str, ...], ...]
    gates: tuple[GateResult, ...]
    events: tuple[AuditEvent, ...]
    left: str
    has_estimates: bool

    @property
    def done(self) -> int:
        """How many steps are done."""
        return sum(step.state == "done" for step in self.steps)

    @property
    def cards(self) -> list[Card]:
        """The components in the order of the waves."""
        return [card for wave in self.waves for card in wave.cards]

    @property
    def moving(self) -> list[Card]:
        """The components of the wave that rolls out, where it changes them."""
        if self.promotion.state not in (State.SYNCING, State.ROLLING_OUT, State.CANCELING):
            return []
        return [card for card in self.cards if card.rollout.wave == self.promotion.wave and card.rollout.is_changed]

    @property
    def silent_since(self) -> datetime | None:
        """When Argo CD was last heard, where a promotion that goes on has waited for that too long."""
        return None if self.promotion.is_terminal else silent_since(card.application for card in self.cards)

    @property
    def current(self) -> Step | None:
        """The step that runs or stopped."""
        return next((step for step in self.steps if step.state in ("running", "failed")), None)


def promotion_of_page(identifier: str, *, actor: Actor, with_files: bool = False) -> Promotion:
    """A promotion by number or id, with what its head shows. Raises `AbsentError` for an absent or foreign one."""
    claimed = User.objects.filter(username=OuterRef("claimed_by")).values("display_name")
    related = ("environment", "release", "requester", "preflight", "restores", "automatic_rollback__rollback__release")
    rows = Promotion.objects.select_related(*related)
    rows = rows.defer("preflight__changes", "preflight__parts", "preflight__variables")
    here = Promotion.objects.filter(environment=OuterRef("environment")).values("number")
    rows = rows.annotate(
        earlier=Subquery(here.filter(number__lt=OuterRef("number")).order_by("-number")[:1]),
        later=Subquery(here.filter(number__gt=OuterRef("number")).order_by("number")[:1]),
        has_checks=Exists(Verification.objects.filter(promotion=OuterRef("pk"))),
        approvers=ArraySubquery(_approvers()),
    )
    if with_files:
        rows = rows.annotate(files=RawSQL(FILES, ()))  # noqa: S611  # a constant, without parameters
    is_number = identifier.isascii() and identifier.isdigit() and len(identifier) < 19
    match = Q(number=int(identifier)) if is_number else Q(pk=identifier)
    try:
        found = rows.annotate(claimed_name=Subquery(claimed)).filter(match).first()
    except ValidationError:  # neither a number nor a UUID
        found = None
    if found is None or not actor.may(Right.VIEW, found.environment.name):
        raise AbsentError(
            f"There is no promotion {identifier[:50]}, or it is not yours to see.", "See the list of promotions."
        )
    return found


def _approvers() -> QuerySet[Approval, str]:
    """Names of those whose approval stands, in the order in which they gave it."""
    standing = Approval.objects.filter(promotion=OuterRef("pk"), voided_at=None, decision=Decision.APPROVE)
    name = Coalesce(NullIf("person__display_name", Value("")), "person__username")
    return standing.order_by("at", "pk").values_list(name, flat=True)


def follow(promotion: Promotion) -> Followed:
    """Read what the page of a promotion shows, in at most six queries."""
    annotated = list(promotion.rollouts.annotate(before=_before(promotion)))
    rollouts: list[PromotionComponent] = [*annotated]
    for rollout in rollouts:
        rollout.promotion = promotion
    events = tuple(AuditEvent.objects.filter(promotion=promotion.pk).order_by("promotion_sequence"))
    gates = _newest(promotion.gates.all())
    before = {row.component: row.before or "" for row in annotated}
    stands = promotion.is_terminal or promotion.state == State.PAUSED  # then nobody waits for a step
    usual = {} if stands else usual_seconds(promotion, rollouts)
    steps = tuple(steps_of(promotion, rollouts, events, usual, _said(gates, promotion)))
    return Followed(
        promotion=promotion, steps=steps, waves=_waves(promotion, rollouts, events, before), gates=gates, events=events,
        planned=tuple(tuple(names) for names in waves_of(promotion, rollouts).values()), left=_left(steps, usual), has_estimates=bool(usual),
    )  # fmt: skip


def _newest(results: Sequence[GateResult] | QuerySet[GateResult]) -> tuple[GateResult, ...]:
    """What each gate said last: at the start, else at the request."""
    return tuple({row.gate: row for row in sorted(results, key=lambda row: row.asked == "start")}.values())


def _said(gates: Sequence[GateResult], promotion: Promotion) -> str:
    """ "5 passed, 1 overridden, 1 approved": the gate of approvals is told by the persons who gave them."""
    approved = len(getattr(promotion, "approvers", ()))  # of `promotion_of_page`
    verdicts = Counter(gate.verdict for gate in gates if not (approved and gate.gate == APPROVALS))
    counts = {"passed": verdicts["pass"], "overridden": verdicts["overridden"], "approved": approved}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _waves(
    promotion: Promotion, rollouts: list[PromotionComponent], events: Sequence[AuditEvent], before: Mapping[str, str]
) -> tuple[Wave, ...]:
    if not rollouts:
        return ()
    applications = {row.name: row for row in Application.objects.filter(environment=promotion.environment_id)}
    spans = spans_of(events, rollouts)
    found = []
    for number in sorted({row.wave for row in rollouts}):
        cards = [
            Card(rollout=row, application=applications.get(row.application), before=before[row.component])
            for row in rollouts
            if row.wave == number
        ]
        start, end = spans.get(f"wave-{number}", (None, None))
        took = duration(end - start) if start and end else ""
        found.append(Wave(number=number, cards=tuple(sorted(cards, key=lambda card: not card.is_stuck)), took=took))
    return tuple(found)


def _before(promotion: Promotion) -> Subquery:
    """The release that each component ran before this promotion."""
    done = PromotionComponent.objects.filter(component=OuterRef("component"), state=Rollout.DONE)
    here = done.filter(promotion__environment=promotion.environment_id)
    if promotion.committed_at:
        here = here.filter(promotion__committed_at__lt=promotion.committed_at)
    return Subquery(here.order_by(NEWEST_COMMIT).values("promotion__release__version")[:1])


def _left(steps: Sequence[Step], usual: dict[str, float]) -> str:
    """About how long it still takes; empty where a step has no estimate, or where it takes longer than usual."""
    keys = [step.key for step in steps if step.state in ("running", "waiting")]
    seconds = remaining_seconds(usual, keys)
    current = next((step for step in steps if step.state == "running" and step.started_at), None)
    if seconds is None or current is None or current.started_at is None:
        return ""
    spent = (timezone.now() - current.started_at).total_seconds()
    left = seconds - min(spent, usual[current.key])
    return duration(left) if left >= 1 else ""
