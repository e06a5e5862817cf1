"""Letting a gate pass that refuses: who may, why, and until when; kept with the promotion and in the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import InvalidError
from controlpanel.core.permissions import Right
from deployments.gates import gates

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
    named = [entry["name"] for entry in environment.gates if entry["name"] in gates]
    return [name for name in named if gates[name].is_overridable and kind in gates[name].kinds]


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
