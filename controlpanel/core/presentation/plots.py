"""Geometry of plots that the server draws as SVG: coordinates as text, colours by class, no script and no style."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 520.0, 148.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 20.0, 12.0, 22.0
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
PERCENTS = (5, 10, 20, 25)
SPANS = (
    1,
    5,
    15,
    60,
    300,
    600,
    1800,
    3600,
    7200,
    21_600,
    43_200,
    86_400,
    172_800,
    604_800,
    1_209_600,
    2_592_000,
    7_776_000,
)
"""Seconds between the lines of an axis of time."""
LINES = 4


@dataclass(frozen=True)
class Tick:
    """A label of an axis, or a line across: the coordinate and its text."""

    at: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A rectangle; `label` names it for people who do not see it, `href` is where it leads."""

    x: str
    y: str
    width: str
    height: str
    tone: str
    label: str
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A point; `text` stands beside it, on its left side where the right one ends (`side` end)."""

    x: str
    y: str
    label: str
    href: str = ""
    text: str = ""
    text_x: str = ""
    side: str = "start"
    is_worst: bool = False


@dataclass(frozen=True, kw_only=True)
class Plot:
    """All of one plot; `line` and `band` are points of a polyline and a polygon."""

    rows: tuple[Tick, ...]
    columns: tuple[Tick, ...]
    bars: tuple[Bar, ...] = ()
    dots: tuple[Dot, ...] = ()
    line: str = ""
    band: str = ""
    goal: Tick | None = None
    width: str = f"{WIDTH:.0f}"
    height: str = f"{HEIGHT:.0f}"
    left: str = f"{LEFT:.0f}"
    right: str = f"{WIDTH - RIGHT:.0f}"
    foot: str = f"{HEIGHT - 5:.0f}"
    label_x: str = f"{LEFT - 6:.0f}"


@dataclass(frozen=True)
class Scale:
    """Turns values (0 to `most`) and places (0 to 1 along the axis) into coordinates."""

    most: float

    def y(self, value: float) -> float:
        """Down from the top."""
        part = min(max(value / self.most, 0.0), 1.0) if self.most else 0.0
        return HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)

    def x(self, part: float) -> float:
        """From the left edge of the plot."""
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def middle(self, index: int, count: int) -> float:
        """The middle of one of `count` columns."""
        return self.x((index + 0.5) / count)


def ticks(most: float, steps: Sequence[float]) -> list[float]:
    """Values of at most `LINES` lines above 0 that hold `most`, at a round distance."""
    step = next((step for step in steps if most <= step * LINES), None)
    if step is None:
        step = steps[-1] * math.ceil(most / (steps[-1] * LINES))
    return [step * index for index in range(max(1, math.ceil(most / step)) + 1)]


def points(pairs: Iterable[tuple[float, float]]) -> str:
    """ "10,20 30.5,40" for a polyline."""
    return " ".join(f"{shown(x)},{shown(y)}" for x, y in pairs)


def shown(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
