"""Between two waves, and while a freeze has paused a promotion: whether it may go on."""

from __future__ import annotations

from deployments import gates
from deployments.choices import Kind
from deployments.gates import GateAnswer
from deployments.selectors.freezes import FROZEN
from deployments.steps.base import Context, Outcome

LOOK_SECONDS = 60.0
"""How often a paused one looks by itself; whoever lifts a freeze or overrides it wakes it."""


def caught(context: Context) -> Outcome | None:
    """A pause without a deadline where a freeze holds what is left to change, else None."""
    answer = holding(context)
    if answer is None:
        return None
    issue = {
        "cause": FROZEN, "sentence": answer.reason, "advice": answer.remedy,
        "effect": f"{_effect(context)} It goes on by itself when the freeze ends.",
        "opens_at": answer.opens_at.isoformat() if answer.opens_at else "",
    }  # fmt: skip
    return Outcome(again=again_in(context, answer), issue=issue)


def _effect(context: Context) -> str:
    if context.promotion.commit:
        return "What has rolled out stays; later waves have not started."
    return f"{context.promotion.environment.title} is as it was: nothing was committed."


def holding(context: Context) -> GateAnswer | None:
    """What the freezes say now, where they refuse."""
    promotion = context.promotion
    answers = gates.for_target(
        release=promotion.release, environment=promotion.environment, preflight=promotion.preflight, promotion=promotion,
        asked="wave", kind=Kind(promotion.kind),
    )  # fmt: skip
    return next((answer for answer in answers if answer.blocks), None)


def again_in(context: Context, answer: GateAnswer) -> float:
    """Seconds until the next look."""
    if answer.opens_at is None:
        return LOOK_SECONDS
    return min(LOOK_SECONDS, max(0.5, (answer.opens_at - context.now()).total_seconds()))
