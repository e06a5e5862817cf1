"""Promotions that released versions have run stay legal: each recorded move is in today's table, and each ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deployments.choices import OPEN, TERMINAL, State
from deployments.lifecycle import MOVES

HISTORIES = sorted((Path(__file__).parent.parent / "histories").glob("*.json"))


def recorded() -> list[Any]:
    return [
        pytest.param(history["moves"], id=f"{path.stem}-{number}")
        for path in HISTORIES
        for number, history in enumerate(json.loads(path.read_text()))
    ]


@pytest.mark.parametrize("moves", recorded())
def test_a_recorded_history_is_legal_today(moves: list[tuple[str, str]]) -> None:
    assert moves[0][0] == State.REQUESTED
    for (was, becomes), (follows, _) in zip(moves, [*moves[1:], (moves[-1][1], "")], strict=True):
        assert State(becomes) in MOVES[State(was)], f"{was} -> {becomes} was done by a released version."
        assert becomes == follows
    assert moves[-1][1] in TERMINAL


@pytest.mark.parametrize("state", OPEN)
def test_a_row_that_an_older_version_left_in_any_state_can_still_go_on(state: State) -> None:
    assert MOVES[state]
