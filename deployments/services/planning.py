"""Use cases of what is meant for later: plan a promotion, call the plan off, hold a release back, let it go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import ApiToken
from controlpanel.core import audit, lease, live
from controlpanel.core.errors import AbsentError, ConflictError, InvalidError, PanelError, RefusedError
from controlpanel.core.lease import Lease, StatementTime
from controlpanel.core.models import is_uuid
from controlpanel.core.permissions import Right
from deployments.choices import Kind, Planned
from deployments.models import PlannedPromotion, Promotion, Release, ReleaseHold
from deployments.services.preflights import find_environment, find_release, named_release
from deployments.services.promotions import promotion_request

FURTHEST = timedelta(days=90)
LATEST = timedelta(hours=1)
"""A plan that could not be carried out for longer, as after an outage, is nobody's wish any more: people have gone home."""
DOOR = "schedule"
SHORTEST_REASON = 5


def promotion_plan(
    *, actor: Actor, environment: str, release: str | None, at: datetime, reason: str = "", components: Sequence[str] = (),
    kind: str = Kind.RELEASE,
) -> PlannedPromotion:  # fmt: skip
    """Have a promotion asked for at that moment, by the same rules and with the rights of then.

    Raises `InvalidError` for a moment that is past or too far, as `promotion_request` for what does not exist.
    """
    place = find_environment(environment, actor=actor, right=Right.PROMOTION_REQUEST)
    named = named_release(kind, release)
    now = timezone.now()
    if not now < at <= now + FURTHEST:
        said = f"A promotion is planned for a moment in the next {FURTHEST.days} days."
        raise InvalidError(said, "Give a later moment, or ask for it now.", field="at")
    if actor.user is None and actor.token is None:
        raise RefusedError("A plan belongs to a person or a token.", "Ask for the promotion when it is wanted.")
    with transaction.atomic():
        plan = PlannedPromotion.objects.create(
            environment=place, release=find_release(named) if named else None, components=sorted(set(components)), reason=reason.strip()[:2000],
            requester=actor.user, token=actor.token, requested_by=actor.name, due_at=at, next_run_at=at,
        )  # fmt: skip
        _record(actor, plan, "promotion.planned", f"{plan.title} to {place.name} planned for {at:%Y-%m-%d %H:%M %Z}.")
    return plan


def plan_cancel(*, actor: Actor, plan: PlannedPromotion) -> PlannedPromotion:
    """Call a plan off. Raises `ConflictError` where it was carried out already."""
    actor.require(Right.PROMOTION_ABORT, plan.environment.name)
    with transaction.atomic():
        rows = PlannedPromotion.objects.filter(pk=plan.pk, state=Planned.PLANNED)
        if not rows.update(state=Planned.CANCELED, next_run_at=None, outcome=f"Called off by {actor.name}."):
            raise ConflictError("The plan was carried out or called off already.", "Look at it again.")
        _record(actor, plan, "promotion.plan_canceled", f"Plan of {plan.title} to {plan.environment.name} called off.")
    plan.refresh_from_db()
    return plan


def plan_carry_out(pk: Any) -> bool:
    """Ask for one that is due (called by a worker or by `watch`); False where another process has it."""
    return lease.run_claimed(PlannedPromotion, pk, _carry_out)


def find_plan(identifier: str, *, actor: Actor) -> PlannedPromotion:
    """One by id. Raises `AbsentError` where it is absent or not the actor's to see."""
    rows = PlannedPromotion.objects.select_related("environment", "release")
    found = rows.filter(pk=identifier).first() if is_uuid(identifier) else None
    if found is None or not actor.may(Right.VIEW, found.environment.name):
        raise AbsentError("There is no such plan, or it is not yours to see.", "See the list of promotions.")
    return found


def release_hold(*, actor: Actor, release: Release, reason: str, environment: str = "") -> ReleaseHold:
    """Hold a release back, everywhere or from one environment. Raises `ConflictError` where it is held already."""
    actor.require(Right.FREEZE, environment)
    if environment:
        find_environment(environment, actor=actor)
    said = reason.strip()[:500]
    if len(said) < SHORTEST_REASON:
        wrong = f"Holding back needs a reason of at least {SHORTEST_REASON} characters."
        raise InvalidError(wrong, "Say why; whoever wants to promote it reads it.", field="reason")
    try:
        with transaction.atomic():
            hold = ReleaseHold.objects.create(
                release=release, environment=environment, reason=said, created_by=actor.name
            )
            where = f" from {environment}" if environment else ""
            _held(actor, hold, "release.held", f"{release.version} held back{where}: {said}")
    except IntegrityError:
        raise ConflictError(f"{release.version} is held back already.", "Let it go first.") from None
    return hold


def release_let_go(*, actor: Actor, release: Release, environment: str = "") -> int:
    """End its hold there. Doing it twice changes nothing. Returns how many ended."""
    actor.require(Right.FREEZE, environment)
    rows = ReleaseHold.objects.filter(release=release, environment=environment, lifted_at__isnull=True)
    with transaction.atomic():
        found = list(rows.select_for_update())
        rows.update(lifted_at=StatementTime(), lifted_by=actor.name)
        for hold in found:
            _held(actor, hold, "release.let_go", f"{release.version} is held back no more.")
    return len(found)


def _carry_out(plan: PlannedPromotion, held: Lease) -> float | None:
    if plan.state != Planned.PLANNED:
        return None
    plan = PlannedPromotion.objects.select_related("environment", "release", "requester", "token__user").get(pk=plan.pk)
    try:
        promotion: Promotion | None = _ask(plan)
        outcome = ""
    except PanelError as refusal:
        promotion, outcome = None, str(refusal)
    state = Planned.ASKED if promotion else Planned.REFUSED
    with lease.held(plan, held, state=Planned.PLANNED):
        PlannedPromotion.objects.filter(pk=plan.pk).update(state=state, promotion=promotion, outcome=outcome)
        if promotion is None:
            said = f"The plan of {plan.title} to {plan.environment.name} was refused: {outcome}"
            _record(_actor_of(plan), plan, "promotion.plan_refused", said)
    return None


def _ask(plan: PlannedPromotion) -> Promotion:
    """With the rights of now; the same plan asked twice gives the same promotion, as long as that is open."""
    if timezone.now() - plan.due_at > LATEST:
        said = f"It was due at {plan.due_at:%Y-%m-%d %H:%M %Z} and the panel was away for more than an hour."
        raise RefusedError(said, "Ask for it now, or plan it anew.")
    if plan.token is not None and not ApiToken.live().filter(pk=plan.token.pk).exists():
        raise RefusedError("The token of this plan may not act any more.", "Plan it anew.")
    if plan.requester is not None and not plan.requester.is_active:
        raise RefusedError("The person of this plan may not act any more.", "Plan it anew.")
    return promotion_request(
        actor=_actor_of(plan), environment=plan.environment.name, release=plan.release.version if plan.release else None,
        kind=Kind.RELEASE if plan.release else Kind.TENANT_CONFIG, reason=plan.reason, components=plan.components,
    )  # fmt: skip


def _actor_of(plan: PlannedPromotion) -> Actor:
    return Actor(name=plan.requested_by, door=DOOR, user=plan.requester, token=plan.token)


def _record(actor: Actor, plan: PlannedPromotion, action: str, message: str) -> None:
    audit.record(
        actor=actor, action=action, environment=plan.environment.name, target=plan.title, message=message, details={"plan": str(plan.pk)}
    )  # fmt: skip
    live.publish(f"environment.{plan.environment.name}")


def _held(actor: Actor, hold: ReleaseHold, action: str, message: str) -> None:
    audit.record(actor=actor, action=action, environment=hold.environment, target=hold.release.version, message=message)
    live.publish("releases")
