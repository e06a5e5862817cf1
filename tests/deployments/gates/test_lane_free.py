"""One promotion at a time; the next waits its turn."""

from __future__ import annotations

import pytest

from deployments.choices import IN_LANE, State, Verdict
from tests.deployments.gates.situations import ask, promotion


def test_an_empty_lane_passes() -> None:
    assert ask("lane-free").verdict == Verdict.PASS


@pytest.mark.parametrize("state", [*IN_LANE, State.CANCELING])
def test_a_running_promotion_is_waited_for_and_named(state: State) -> None:
    answer = ask("lane-free", open={"production": (promotion(1285, state),)})
    assert answer.verdict == Verdict.WAIT
    assert answer.reason.startswith("Will wait its turn: promotion 1285 holds production.")
    assert ("It is paused" in answer.reason) is (state == State.PAUSED)


def test_a_promotion_in_another_environment_does_not_matter() -> None:
    assert ask("lane-free", open={"staging": (promotion(1285),)}).verdict == Verdict.PASS


def test_the_queue_is_first_come_first_served() -> None:
    first, second = promotion(1, State.QUEUED), promotion(2, State.QUEUED)
    lane = {"production": (first, second)}
    assert ask("lane-free", open=lane, promotion=first).verdict == Verdict.PASS
    assert (
        ask("lane-free", open=lane, promotion=second).reason
        == "Will wait its turn: promotion 1 waits before this one in production."
    )
