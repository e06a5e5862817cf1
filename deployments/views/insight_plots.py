"""The four plots of the page Insights: from figures to what the server draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from controlpanel.core.presentation.plots import (
    COUNTS,
    LEFT,
    PERCENTS,
    SPANS,
    WIDTH,
    Bar,
    Dot,
    Plot,
    Scale,
    Tick,
    points,
    shown,
    ticks,
)
from controlpanel.core.presentation.wording import duration
from deployments.selectors.insights import MOVING, WEEK, Incident, Insights, Lead

GOAL = 15
"""Percent: what the DORA reports call a good change failure rate."""
CHARACTER = 6.5
"""About how wide a character of a label is."""


def frequency_plot(insights: Insights) -> Plot:
    """Bars of each week: here at the bottom, the other environments above."""
    found = insights.frequency(insights.period)
    values = ticks(max(here + elsewhere for here, elsewhere in found), COUNTS)
    scale, mondays = Scale(values[-1]), insights.period.mondays
    width = (scale.x(1) - scale.x(0)) / len(found) * (0.5 if len(found) < 30 else 0.7)
    bars: list[Bar] = []
    for index, (here, elsewhere) in enumerate(found):
        left, name = scale.middle(index, len(found)) - width / 2, _day(mondays[index])
        own, all_ = scale.y(here), scale.y(here + elsewhere)
        if elsewhere:
            label = f"Week of {name}: {elsewhere} elsewhere"
            bars.append(
                _bar(left, all_, width, own - all_, "other", label, weekly(insights, mondays[index], "", "succeeded"))
            )
        if here:
            where = insights.environment.name
            href = weekly(insights, mondays[index], where, "succeeded")
            bars.append(_bar(left, own, width, scale.y(0) - own, "own", f"Week of {name}: {here} to {where}", href))
    return Plot(rows=_rows(values, scale, str), columns=_columns(mondays, scale), bars=tuple(bars))


def lead_plot(insights: Insights, found: Sequence[Lead | None]) -> Plot:
    """The median of each week with the middle half around it; weeks without a change are bridged."""
    values = ticks(max((one.high for one in found if one), default=1.0), SPANS)
    scale, mondays = Scale(values[-1]), insights.period.mondays
    known = [(scale.middle(index, len(found)), one, mondays[index]) for index, one in enumerate(found) if one]
    upper = [(x, scale.y(one.high)) for x, one, _ in known]
    lower = [(x, scale.y(one.low)) for x, one, _ in known]
    where = insights.environment.name
    dots = tuple(
        Dot(x=shown(x), y=shown(scale.y(one.middle)), href=weekly(insights, monday, where, "succeeded"),
            label=f"Week of {_day(monday)}: median {duration(one.middle)} of {one.count}")
        for x, one, monday in known
    )  # fmt: skip
    return Plot(
        rows=_rows(values, scale, _span), columns=_columns(mondays, scale), dots=dots,
        line=points((x, scale.y(one.middle)) for x, one, _ in known), band=points([*upper, *lower[::-1]]),
    )  # fmt: skip


def failure_plot(insights: Insights, moving: Sequence[tuple[int, int]]) -> Plot:
    """The rate of each week and the three before it, in percent, with the goal across."""
    rates = [(index, 100 * failed / total) for index, (failed, total) in enumerate(moving) if total]
    values = ticks(max([GOAL + 1.0, *(rate for _, rate in rates)]), PERCENTS)
    scale, mondays = Scale(values[-1]), insights.period.mondays
    pairs = [(scale.middle(index, len(moving)), scale.y(rate)) for index, rate in rates]
    dots = tuple(
        Dot(x=shown(x), y=shown(y), href=weekly(insights, mondays[index], insights.environment.name, "ended"),
            label=f"Week of {_day(mondays[index])}: {rate:.1f} % of the {moving[index][1]} in four weeks")
        for (x, y), (index, rate) in zip(pairs, rates, strict=True)
    )  # fmt: skip
    goal = Tick(shown(scale.y(GOAL)), f"goal: under {GOAL} %")
    return Plot(
        rows=_rows(values, scale, lambda value: f"{value:.0f} %"), columns=_columns(mondays, scale), dots=dots,
        line=points(pairs), goal=goal,
    )  # fmt: skip


def restore_plot(insights: Insights, incidents: Sequence[Incident]) -> Plot:
    """One dot for each incident that has ended, on its day; each opens its promotion."""
    ended = [(one, one.seconds) for one in incidents if one.seconds is not None]
    worst = max((seconds for _, seconds in ended), default=0.0)
    values = ticks(worst or 60.0, SPANS)
    scale, mondays = Scale(values[-1]), insights.period.mondays
    first_worst = next((one.number for one, seconds in ended if seconds == worst and len(ended) > 1), None)
    dots = [_incident(one, seconds, scale, mondays, is_worst=one.number == first_worst) for one, seconds in ended]
    return Plot(rows=_rows(values, scale, _span), columns=_columns(mondays, scale), dots=_readable(dots))


def _readable(dots: Sequence[Dot]) -> tuple[Dot, ...]:
    """Put what stands beside a dot on the side where it covers no other one, the worst first; else leave it away."""
    taken = [(float(dot.x) - 5, float(dot.x) + 5, float(dot.y)) for dot in dots]
    found = []
    for dot in sorted(dots, key=lambda dot: not dot.is_worst):
        sides = [dot, replace(dot, side="end" if dot.side == "start" else "start", text_x=_mirrored(dot))]
        free = next((one for one in sides if not _covers(one, taken)), None)
        if free is not None:
            taken.append((*_reach(free), float(dot.y)))
        found.append(free or replace(dot, text=""))
    return tuple(found)


def _mirrored(dot: Dot) -> str:
    return shown(2 * float(dot.x) - float(dot.text_x))


def _reach(dot: Dot) -> tuple[float, float]:
    start, wide = float(dot.text_x), CHARACTER * len(dot.text)
    return (start, start + wide) if dot.side == "start" else (start - wide, start)


def _covers(dot: Dot, taken: Sequence[tuple[float, float, float]]) -> bool:
    left, right = _reach(dot)
    is_inside = left >= LEFT and right <= WIDTH
    return not is_inside or any(right > one and left < other and abs(y - float(dot.y)) < 12 for one, other, y in taken)


def moving_failures(insights: Insights) -> list[tuple[int, int]]:
    """Failed, and of how many, of each week with the three before it (also those before the period)."""
    weeks = [*insights.failures(insights.period.before)[-(MOVING - 1) :], *insights.failures(insights.period)]
    extra = len(weeks) - insights.period.weeks
    found = []
    for index in range(extra, len(weeks)):
        window = weeks[max(0, index - MOVING + 1) : index + 1]
        found.append((sum(failed for failed, _ in window), sum(total for _, total in window)))
    return found


def weekly(insights: Insights, monday: date, environment: str, state: str) -> str:
    """The list of the promotions that a week counts."""
    days = {"since": monday.isoformat(), "until": (monday + timedelta(days=6)).isoformat()}
    place = {"environment": environment} if environment else {}
    return f"{reverse('promotions')}?{urlencode({**place, 'state': state, 'kind': 'release', **days})}"


def _incident(one: Incident, seconds: float, scale: Scale, mondays: Sequence[date], *, is_worst: bool) -> Dot:
    x = scale.x(min(max(_part(one.since, mondays), 0.0), 1.0))
    is_left = x < scale.x(0.72)
    text = f"{one.number}: {duration(seconds)}" if is_worst else str(one.number)
    return Dot(
        x=shown(x), y=shown(scale.y(seconds)), text=text, text_x=shown(x + 7 if is_left else x - 7),
        side="start" if is_left else "end", is_worst=is_worst, href=reverse("promotion", args=[one.number]),
        label=f"Promotion {one.number}: restored after {duration(seconds)}",
    )  # fmt: skip


def _part(moment: datetime, mondays: Sequence[date]) -> float:
    """How far into the period a moment is, 0 to 1."""
    local = timezone.localtime(moment)
    days = (local.date() - mondays[0]).days + (local.hour * 60 + local.minute) / 1440
    return days / (len(mondays) * WEEK.days)


def _rows(values: Sequence[float], scale: Scale, words: Callable[[float], str]) -> tuple[Tick, ...]:
    return tuple(Tick(shown(scale.y(value)), words(value)) for value in values)


def _columns(mondays: Sequence[date], scale: Scale) -> tuple[Tick, ...]:
    """Every week of four, every other of thirteen, one in eight of a year."""
    step = max(1, -(-len(mondays) // 7))
    chosen = range(len(mondays) - 1, -1, -step)
    return tuple(Tick(shown(scale.middle(index, len(mondays))), _day(mondays[index])) for index in sorted(chosen))


def _bar(x: float, y: float, width: float, height: float, tone: str, label: str, href: str) -> Bar:
    return Bar(x=shown(x), y=shown(y), width=shown(width), height=shown(height), tone=tone, label=label, href=href)


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _span(seconds: Any) -> str:
    """ "0", "30 s", "10 m", "6 h", "2 d"."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s" if seconds else "0"
