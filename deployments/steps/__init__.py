"""One file for each step, one signature: `run(context) -> Outcome`. A step is safe to run again from its start."""

from deployments.choices import State
from deployments.steps import await_approval, cancel, commit, expire, judge, observe, render, start, sync, verify
from deployments.steps.base import Context, Outcome, Step

STEPS: dict[State, Step] = {
    State.REQUESTED: judge.run,
    State.AWAITING_APPROVAL: await_approval.run,
    State.QUEUED: start.run,
    State.RENDERING: render.run,
    State.COMMITTING: commit.run,
    State.SYNCING: sync.run,
    State.ROLLING_OUT: observe.run,
    State.VERIFYING: verify.run,
    State.PAUSED: expire.run,
    State.CANCELING: cancel.run,
}

__all__ = ["STEPS", "Context", "Outcome", "Step"]
