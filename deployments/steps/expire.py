"""paused: nobody decided for a week, so it ends; what is live stays as it is."""

from __future__ import annotations

from deployments import lifecycle
from deployments.choices import State
from deployments.steps.base import Context, Outcome, move_to, wait


def run(context: Context) -> Outcome:
    """End `failed` when the pause has lasted for seven days."""
    promotion = context.promotion
    left = lifecycle.PAUSE_SECONDS - (context.now() - promotion.state_since).total_seconds()
    if left > 0:
        return wait(left, promotion.note)
    return move_to(State.FAILED, "Nobody decided for 7 days. Nothing is rolled back.")
