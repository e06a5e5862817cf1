"""paused: nobody decided for a week, so it ends; or a freeze has ended, so it goes on. What is live stays as it is."""

from __future__ import annotations

from deployments import lifecycle
from deployments.choices import State
from deployments.selectors.freezes import FROZEN
from deployments.steps import freezes
from deployments.steps.base import Context, Outcome, move_to, wait


def run(context: Context) -> Outcome:
    """End `failed` when the pause has lasted for seven days; one by a freeze has no deadline."""
    promotion = context.promotion
    if (promotion.issue or {}).get("cause") == FROZEN:
        return _thawed(context)
    left = lifecycle.PAUSE_SECONDS - (context.now() - promotion.state_since).total_seconds()
    if left > 0:
        return wait(left, promotion.note)
    return move_to(State.FAILED, "Nobody decided for 7 days. Nothing is rolled back.")


def _thawed(context: Context) -> Outcome:
    answer = freezes.holding(context)
    if answer is not None:
        return wait(freezes.again_in(context, answer), context.promotion.note)
    return move_to(State(context.promotion.paused_from), "No freeze holds it any more: it goes on.")
