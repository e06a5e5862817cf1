"""Geometry of the plots."""

from __future__ import annotations

import pytest

from controlpanel.core.presentation.plots import COUNTS, PERCENTS, SPANS, Scale, points, shown, ticks


@pytest.mark.parametrize(
    ("most", "steps", "wanted"),
    [
        (0, COUNTS, [0, 1]),
        (3, COUNTS, [0, 1, 2, 3]),
        (19, COUNTS, [0, 5, 10, 15, 20]),
        (16, PERCENTS, [0, 5, 10, 15, 20]),
        (100, PERCENTS, [0, 25, 50, 75, 100]),
        (1_560, SPANS, [0, 600, 1200, 1800]),
        (50_000, COUNTS, [0, 15_000, 30_000, 45_000, 60_000]),
    ],
)
def test_an_axis_has_few_round_lines_that_hold_the_most(
    most: float, steps: tuple[float, ...], wanted: list[float]
) -> None:
    assert ticks(most, steps) == wanted


def test_values_go_up_and_never_leave_the_plot() -> None:
    scale = Scale(10)
    assert scale.y(0) > scale.y(5) > scale.y(10)
    assert scale.y(11) == scale.y(10)
    assert scale.x(0) < scale.middle(0, 4) < scale.middle(3, 4) < scale.x(1)


def test_coordinates_are_short_numbers() -> None:
    assert (shown(1.0), shown(1.25), points([(1, 2.5)])) == ("1", "1.2", "1,2.5")
