"""How long a state may last while it only waits or meets an outage; then a person is asked, or the end is said to be unknown."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max

from deployments import lifecycle
from deployments.choices import Confidence, Rollout, State
from deployments.models import Promotion
from deployments.steps.base import Context, Outcome, move_to, pause

RENDER_OR_COMMIT_SECONDS = 120.0
CANCEL_SECONDS = 600.0
VERIFY_SECONDS = 600.0
"""Beside the time of observation: a hub that answers nobody keeps each of many tenants waiting."""
ROLLOUT_SECONDS = 900.0
"""For a wave in which nothing has started; one that has started keeps the deadlines of its components."""


def overdue(context: Context, said: str) -> Outcome | None:
    """What follows when the state has lasted too long; None while it may go on. `said` is what it waits for."""
    if context.now() < _deadline(context):
        return None
    promotion = context.promotion
    state = State(promotion.state)
    if state == State.CANCELING and lifecycle.lane_holder(promotion.environment_id) is not None:
        return move_to(
            State.FAILED, f"The abort was not confirmed in time. {said} What is live is unknown.", confidence=Confidence.UNKNOWN
        )  # fmt: skip
    return pause(
        "timed_out", f"{state.label} has not come to an end in time.", raw=said, advice="Mend what it waits for, then retry.",
        effect="Nothing more happens until somebody decides.",
    )  # fmt: skip


def _deadline(context: Context) -> datetime:
    promotion = context.promotion
    since: datetime = promotion.state_since
    seconds = {
        State.SYNCING: context.timings.accept_seconds,
        State.ROLLING_OUT: ROLLOUT_SECONDS,
        State.CANCELING: CANCEL_SECONDS,
        State.VERIFYING: VERIFY_SECONDS + _observed(promotion),
    }.get(State(promotion.state), RENDER_OR_COMMIT_SECONDS)
    usual = since + timedelta(seconds=seconds)
    if promotion.state != State.ROLLING_OUT:
        return usual
    moving = promotion.rollouts.filter(wave=promotion.wave).exclude(state=Rollout.DONE).exclude(started_at=None)
    ends = [row.started_at + timedelta(seconds=row.deadline_seconds) for row in moving if row.started_at]
    return max(ends, default=usual)


def _observed(promotion: Promotion) -> float:
    """The longest time of observation of its checks."""
    return float(promotion.verifications.aggregate(longest=Max("observe_seconds"))["longest"] or 0.0)
