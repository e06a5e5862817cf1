"""Nothing is changed while a freeze holds it; the answer says until when, and which freeze comes next."""

from __future__ import annotations

from datetime import datetime

from deployments.choices import PreflightState, Verdict
from deployments.gates.base import GateAnswer, Situation, gate
from deployments.selectors.freezes import Coming, Holding, Reach, changed_tenants, coming, holding

NAME, TITLE = "freeze", "No freeze"
MOMENTS = frozenset({"board", "request", "start", "wave"})


@gate(NAME, title=TITLE, asked=MOMENTS, is_overridable=True)
def freeze(situation: Situation) -> GateAnswer:
    """Block while one holds what the promotion would change."""
    if situation.exemption:
        return GateAnswer(
            gate=NAME, title=TITLE, verdict=Verdict.PASS, reason=f"{situation.exemption}: no freeze holds it."
        )
    reach = reach_of(situation)
    held = holding(situation.freezes, reach, situation.now)
    if held:
        return _frozen(held[0])
    comes = coming(situation.freezes, reach, situation.now)
    return GateAnswer(gate=NAME, title=TITLE, verdict=Verdict.PASS, reason=coming_words(comes))


def reach_of(situation: Situation) -> Reach:
    """What would be changed, as far as it is known."""
    preview, promotion = situation.preflight, situation.promotion
    named = (promotion.components if promotion else None) or (preview.components if preview else None) or None
    is_rendered = preview is not None and preview.state == PreflightState.READY
    return Reach(
        environment=situation.environment.name,
        kind=situation.kind,
        components=situation.changed if situation.changed is not None else named,
        tenants=changed_tenants(preview.changes) if preview is not None and is_rendered else None,
    )


def coming_words(comes: Coming | None) -> str:
    """What a passing gate says."""
    if comes is None:
        return "Nothing is frozen, and no freeze is planned."
    return (
        f"Nothing is frozen. The next freeze, of {comes.freeze.scope}, begins {clock(comes.at)}: {comes.freeze.reason}"
    )


def frozen_words(one: Holding) -> str:
    """ "everything is frozen until 4 Dec 08:00 UTC: …" """
    end = f"until {clock(one.until)}" if one.until else "until it is lifted"
    scope = one.freeze.scope
    return f"{scope[0].upper()}{scope[1:]} is frozen {end}: {one.freeze.reason}"


def clock(at: datetime) -> str:
    """A moment that stands in a sentence which many read: in UTC, and said so."""
    return f"{at:%a %d %b %H:%M} UTC"


def _frozen(one: Holding) -> GateAnswer:
    return GateAnswer(
        gate=NAME, title=TITLE, verdict=Verdict.BLOCK, reason=frozen_words(one), owner=one.freeze.created_by, opens_at=one.until,
        remedy="Wait until then, or have a release manager lift it or override it with a reason.",
    )  # fmt: skip
