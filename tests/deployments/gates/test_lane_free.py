"""One promotion at a time; the next waits its turn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from deployments.choices import IN_LANE, State, Verdict
from tests.deployments.gates.situations import NOW, ask, promotion


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


@pytest.mark.parametrize(
    ("asked", "usual", "state", "said"),
    [
        ("board", 360.0, State.ROLLING_OUT, "promotion 1285 holds production for about 3 min more."),
        ("board", 100.0, State.ROLLING_OUT, "promotion 1285 holds production."),
        ("board", 360.0, State.PAUSED, "promotion 1285 holds production. It is paused"),
        ("start", 360.0, State.ROLLING_OUT, "promotion 1285 holds production."),
    ],
)
def test_the_board_says_about_how_long_the_lane_is_held(asked: str, usual: float, state: State, said: str) -> None:
    ahead = promotion(1285, state)
    ahead.started_at = NOW - timedelta(seconds=170)
    answer = ask("lane-free", open={"production": (ahead,)}, usual={"production": usual}, asked=asked)
    assert answer.reason.startswith(f"Will wait its turn: {said}")
