"""Letting a gate pass that refuses: who may, why, and until when; kept with the promotion and in the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core import doorbell
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.lease import wake
from controlpanel.core.permissions import Right
from deployments import lifecycle
from deployments.choices import WAITING, State
from deployments.gates import named
from deployments.models import Promotion
from deployments.selectors.freezes import FROZEN

USUAL, LONGEST = timedelta(days=1), timedelta(days=7)
SHORTEST_REASON = 10


@dataclass(frozen=True)
class Override:
    """What somebody wants to pass over. Without `until` it holds for a day: a promotion that waits longer is asked again."""

    gate: str
    reason: str
    until: datetime | None = None


def checked_overrides(
    actor: Actor, environment: Environment, kind: str, wanted: Sequence[Override]
) -> list[dict[str, str]]:
    """As a promotion keeps them. Raises `RefusedError` without the right and `InvalidError` naming what is wrong."""
    if wanted:
        actor.require(Right.GATE_OVERRIDE, environment.name)
    return [_checked(actor, environment, kind, one) for one in wanted]


def may_be_overridden(environment: Environment, kind: str) -> list[str]:
    """The gates of this environment that a named role may let pass, in the catalog's order."""
    return [gate.name for gate, _ in named(environment) if gate.is_overridable and kind in gate.kinds]


def promotion_override(*, actor: Actor, promotion: Promotion, override: Override) -> Promotion:
    """Let a gate pass for a promotion that it holds: one that waits, or that a freeze has paused. Looks again at once.

    Raises `RefusedError` without the right, `InvalidError` naming what is wrong, `ConflictError` where nothing is held.
    """
    checked = checked_overrides(actor, promotion.environment, promotion.kind, [override])
    with transaction.atomic():
        row = Promotion.objects.select_related("environment").select_for_update(of=("self",)).get(pk=promotion.pk)
        is_frozen = row.state == State.PAUSED and (row.issue or {}).get("cause") == FROZEN
        if row.state not in WAITING and not is_frozen:
            raise ConflictError(
                f"Promotion {row.number} is {row.get_state_display().lower()}: no gate holds it.", "Look at it again."
            )
        kept = [one for one in row.overrides if one["gate"] != override.gate]
        Promotion.objects.filter(pk=row.pk).update(overrides=[*kept, *checked])
        note_overridden(row, actor, checked[0])
        wake(Promotion.objects.filter(pk=row.pk))
    doorbell.ring("advance_promotion", row.pk)
    return row


def note_overridden(promotion: Promotion, actor: Actor, override: dict[str, str]) -> None:
    """Tell the history who let which gate pass, why and until when."""
    said = f"{override['gate']} overridden by {override['by']} until {override['until']}: {override['reason']}"
    lifecycle.note(promotion, actor=actor, action="gate_overridden", message=said, details=dict(override))


def _checked(actor: Actor, environment: Environment, kind: str, one: Override) -> dict[str, str]:
    possible = may_be_overridden(environment, kind)
    if one.gate not in possible:
        choice = f"Choose from {', '.join(possible)}." if possible else "Leave out `override`: no gate here can be."
        raise InvalidError(f"The gate {one.gate} cannot be overridden.", choice, field="override")
    reason, now = one.reason.strip(), timezone.now()
    if len(reason) < SHORTEST_REASON:
        said = f"An override needs a reason of at least {SHORTEST_REASON} characters."
        raise InvalidError(said, "Say why; it is kept and shown.", field="override")
    until = one.until or now + USUAL
    if not now < until <= now + LONGEST:
        said = f"An override of {one.gate} ends in the future, at most {LONGEST.days} days from now."
        raise InvalidError(said, "Give an `until` in that time.", field="override")
    return {"gate": one.gate, "reason": reason, "by": actor.name, "until": until.isoformat()}
