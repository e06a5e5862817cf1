"""Reading promotions for pages: one with all that its page shows, and the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.core.errors import AbsentError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right
from controlpanel.core.presentation.wording import duration
from deployments.choices import Rollout, State
from deployments.models import Application, GateResult, Promotion, PromotionComponent, Verification
from deployments.selectors.estimates import remaining_seconds, usual_seconds
from deployments.selectors.outside import argocd_page
from deployments.selectors.progress import Step, spans_of, steps_of, waves_of
from deployments.selectors.rollouts import NEWEST_COMMIT, is_ready, pods_ready, silent_since

FILES = """(SELECT sum(own.count) FROM deployments_renderedcomponent AS rendered,
  LATERAL (SELECT count(*) FROM jsonb_object_keys(rendered.files)) AS own
  WHERE rendered.input_digest IN (SELECT value FROM jsonb_each_text(deployments_promotion.plan -> 'parts')))"""
"""How many files the promotion's commit holds."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One component of a promotion: its rollout, its Application as observed, and what ran before."""

    rollout: PromotionComponent
    application: Application | None
    before: str

    @property
    def is_open(self) -> bool:
        """Shown in full among the waves while it waits for a person; what runs is shown above them, in a place that
        keeps its height. Of an ended promotion nothing is shown as it is now."""
        return self.is_stuck and not self.rollout.promotion.is_terminal

    @property
    def is_stuck(self) -> bool:
        """Whether it needs a person."""
        return self.rollout.state == Rollout.STUCK

    @property
    def beside(self) -> str:
        """What stands beside its name: pods, unchanged, or what still runs."""
        if self.rollout.promotion.is_terminal:  # its state says it already
            return ""
        if not self.rollout.is_changed:
            return "unchanged"
        if self.rollout.state == Rollout.WAITING:
            return f"on {self.before}" if self.before else "not started"
        return f"{pods} pods" if (pods := pods_ready(self.application)) else ""

    @property
    def new_pods(self) -> list[dict[str, Any]]:
        """Pods of the newest generation as they came; where a person has to look, those that are not ready first."""
        pods = sorted((pod for pod in self._pods if pod["is_new"]), key=_came)
        return [{**pod, "word": _pod_word(pod)} for pod in (sorted(pods, key=is_ready) if self.is_stuck else pods)]

    @property
    def argocd(self) -> str:
        """Where Argo CD shows its Application."""
        return argocd_page(self.rollout.promotion.environment, self.rollout.application)

    @property
    def old_pods(self) -> int:
        """How many pods from before still serve."""
        return sum(1 for pod in self._pods if not pod["is_new"])

    @property
    def wanted(self) -> str:
        """The release that it shall run; a shard of tenants' references runs none."""
        return "references" if self.rollout.shard else str(self.rollout.promotion.release or "")

    @property
    def serving(self) -> str:
        """The release that its ready pods run."""
        if self.rollout.shard:
            return "references"
        if self.rollout.state == Rollout.DONE and self.rollout.promotion.release is not None:
            return str(self.rollout.promotion.release.version)
        return self.before or "nothing"

    @property
    def words(self) -> str:
        """Where it is, for the table of what is live."""
        if self.rollout.state == Rollout.DONE:
            return f"done in wave {self.rollout.wave}" if self.rollout.is_changed else "unchanged"
        if self.rollout.state == Rollout.WAITING:
            return "not touched"
        return self.rollout.message or self.rollout.state.replace("_", " ")

    @property
    def _pods(self) -> list[dict[str, Any]]:
        return list(self.application.pods) if self.application else []


@dataclass(frozen=True, kw_only=True)
class Wave:
    """The components that roll out together."""

    number: int
    cards: tuple[Card, ...]
    took: str

    @property
    def commit(self) -> str:
        """The wave's own commit, where waves commit one by one."""
        return next((card.rollout.commit for card in self.cards if card.rollout.commit), "")

    @property
    def state(self) -> str:
        """A word of the rollout vocabulary."""
        states = {card.rollout.state for card in self.cards}
        for state in (Rollout.STUCK, Rollout.ROLLING_OUT, Rollout.SYNCING):
            if state in states:
                return str(state)
        return Rollout.DONE if states == {Rollout.DONE} else Rollout.WAITING

    @property
    def words(self) -> str:
        """What stands beside "Wave 3"."""
        if self.state == Rollout.DONE:
            return f"Done in {self.took}" if self.took else "Done"
        if self.state == Rollout.WAITING and self.cards[0].rollout.promotion.is_terminal:
            return "Not started"
        if self.state == Rollout.WAITING:
            return f"Waits for wave {self.number - 1}" if self.number > 1 else "Waits"
        return (
            "; ".join(
                card.rollout.message
                for card in self.cards
                if card.rollout.state != Rollout.DONE and card.rollout.message
            )
            or "Running"
        )


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
    passed = sum(gate.verdict in ("pass", "overridden") for gate in gates)
    steps = tuple(steps_of(promotion, rollouts, events, usual, passed))
    return Followed(
        promotion=promotion, steps=steps, waves=_waves(promotion, rollouts, events, before), gates=gates, events=events,
        planned=tuple(tuple(names) for names in waves_of(promotion, rollouts).values()), left=_left(steps, usual), has_estimates=bool(usual),
    )  # fmt: skip


def _newest(results: Sequence[GateResult] | QuerySet[GateResult]) -> tuple[GateResult, ...]:
    """What each gate said last: at the start, else at the request."""
    return tuple({row.gate: row for row in sorted(results, key=lambda row: row.asked == "start")}.values())


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


def _came(pod: Mapping[str, Any]) -> tuple[str, str]:
    """When the pod came, and its name."""
    return str(pod.get("created_at") or ""), str(pod["name"])


def _pod_word(pod: Mapping[str, Any]) -> str:
    """The pod's status in a word of the pod vocabulary."""
    if is_ready(pod):
        return "Running"
    said = str(pod.get("status") or "")
    return "Starting" if said in ("", "Progressing") else "Not ready" if said in ("Running", "Healthy") else said
