"""Freeze arithmetic beside a reference that knows nothing but a clock on the wall, read once a minute."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest

from controlpanel.core.recurrence import Recurring, parse

MINUTE = timedelta(minutes=1)
SCHEDULES = 10_000
CHANGES = {
    "Europe/Istanbul": date(2026, 5, 1),  # no changes for years
    "Europe/Berlin": date(2026, 3, 29),
    "America/New_York": date(2026, 11, 1),
    "Australia/Lord_Howe": date(2026, 4, 5),  # by half an hour
    "America/Santiago": date(2026, 9, 6),  # at midnight
    "Africa/Cairo": date(2026, 10, 30),  # at midnight, backwards
}
BEFORE, AFTER = 6, 4
LONGEST_MINUTES = 3 * 24 * 60


@dataclass(frozen=True)
class Wall:
    """What the clock shows each minute of ten days around a change, and when it first and for good shows a minute or later."""

    start: datetime
    first: dict[datetime, datetime]
    last: dict[datetime, datetime]


@cache
def wall_of(name: str) -> Wall:
    zone = ZoneInfo(name)
    day = CHANGES[name]
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=BEFORE)
    instants = [start + MINUTE * number for number in range((BEFORE + AFTER) * 24 * 60)]
    shown = [instant.astimezone(zone).replace(tzinfo=None, fold=0) for instant in instants]
    for_good = list(reversed(list(accumulate(reversed(shown), min))))  # from then on it shows nothing earlier
    first, last = (_reached(instants, walls) for walls in (list(accumulate(shown, max)), for_good))
    return Wall(start, first, last)


def _reached(instants: list[datetime], walls: list[datetime]) -> dict[datetime, datetime]:
    """For each minute the instant at which it is reached or passed over."""
    found, minute = {}, walls[0]
    for instant, wall in zip(instants, walls, strict=True):
        while minute <= wall:
            found[minute] = instant
            minute += MINUTE
    return found


def asked(rng: random.Random) -> tuple[str, set[int], set[int], set[int] | None, set[int] | None]:
    """An expression with what its fields mean; days of the week count from Monday."""
    minutes, hours = (
        set(rng.sample(range(60), rng.choice((1, 1, 2)))),
        set(rng.sample(range(24), rng.choice((1, 2, 3)))),
    )
    days = set(rng.sample(range(1, 32), 4)) if rng.random() < 0.4 else None
    weekdays = set(rng.sample(range(7), rng.choice((1, 2)))) if rng.random() < 0.7 else None
    named = ",".join(str((day + 1) % 7) for day in sorted(weekdays)) if weekdays else "*"
    text = f"{_said(minutes)} {_said(hours)} {_said(days) if days else '*'} * {named}"
    return text, minutes, hours, days, weekdays


def _said(numbers: set[int]) -> str:
    return ",".join(str(number) for number in sorted(numbers))


def reference(
    wall: Wall, choice: tuple[str, set[int], set[int], set[int] | None, set[int] | None], lasts: int
) -> list[tuple[datetime, datetime]]:
    """Windows as the wall clock tells them, joined where they touch."""
    _, minutes, hours, days, weekdays = choice
    windows = []
    for minute in (m for m in _candidates(wall, minutes, hours) if _falls(m, days, weekdays)):
        end = minute + MINUTE * lasts
        if minute in wall.first and end in wall.last:
            windows.append((wall.first[minute], wall.last[end]))
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(windows):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return [(start, end) for start, end in joined if start < end]


def _candidates(wall: Wall, minutes: set[int], hours: set[int]) -> list[datetime]:
    day = (wall.start - timedelta(days=1)).replace(tzinfo=None, hour=0, minute=0)
    return [
        day + timedelta(days=number, hours=hour, minutes=minute)
        for number in range(BEFORE + AFTER + 2)
        for hour in hours
        for minute in minutes
    ]


def _falls(minute: datetime, days: set[int] | None, weekdays: set[int] | None) -> bool:
    if days is not None and weekdays is not None:
        return minute.day in days or minute.weekday() in weekdays
    return (days is None or minute.day in days) and (weekdays is None or minute.weekday() in weekdays)


@pytest.mark.parametrize("zone", CHANGES)
def test_the_arithmetic_is_that_of_the_clock_on_the_wall(zone: str) -> None:
    rng, wall, frozen = random.Random(f"freeze {zone}"), wall_of(zone), 0  # no secret
    for _ in range(SCHEDULES // len(CHANGES) + 1):
        choice, lasts = asked(rng), rng.choice((rng.randrange(1, 180), rng.randrange(1, LONGEST_MINUTES)))
        schedule = Recurring(parse(choice[0]), MINUTE * lasts, ZoneInfo(zone))
        windows = reference(wall, choice, lasts)
        now = wall.start + MINUTE * rng.randrange((BEFORE - 1) * 24 * 60, (BEFORE + 1) * 24 * 60)
        place = bisect_right(windows, (now, datetime.max.replace(tzinfo=UTC))) - 1
        end = windows[place][1] if place >= 0 and now < windows[place][1] else now
        if end < wall.start + timedelta(days=BEFORE + AFTER - 3):  # beyond, the reference has read no clock
            assert schedule.holds_until(now) == end, (choice[0], lasts, now)
        frozen += end > now
        starts = [
            wall.first[m]
            for m in _candidates(wall, choice[1], choice[2])
            if m in wall.first and _falls(m, choice[3], choice[4])
        ]
        if later := [start for start in starts if start > now]:
            assert schedule.next_start(now) == min(later), (choice[0], now)
    assert frozen > 100


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 18 * *", "five fields"), ("60 18 * * *", "minute '60'"), ("0 24 * * *", "hour '24'"), ("0 0 0 * *", "day of the month"),
        ("0 0 * 13 *", "month '13'"), ("0 0 * * 8", "day of the week '8'"), ("0 0 * * mon-xyz", "'xyz'"), ("* * * * *", "1440 times a day"),
        ("0 18-9 * * *", "ends before it begins"), ("*/0 1 * * *", "no usable step"), ("0 1/ * * *", "no usable step"), ("² 1 * * *", "minute"),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_told_by_its_field(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:  # the sentence is compared below
        parse(text)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "same"),
    [("0 18 * * fri", "0 18 * * 5"), ("0 18 * * 0", "0 18 * * 7"), ("*/30 1-3 * jan-mar *", "0,30 1,2,3 * 1,2,3 *"), ("0 9-17/4 1 * *", "0 9,13,17 1 * *")],
)  # fmt: skip
def test_names_ranges_and_steps_mean_the_same(text: str, same: str) -> None:
    assert parse(text) == parse(same)


def test_a_weekend_ends_at_the_same_hour_also_where_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    weekend = Recurring(parse("0 18 * * fri"), timedelta(hours=62), berlin)
    for saturday in (datetime(2026, 3, 21, 12, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)):
        end = weekend.holds_until(saturday)
        assert end is not None
        assert (end.astimezone(berlin).weekday(), end.astimezone(berlin).hour) == (0, 8)


def test_windows_that_join_forever_have_no_end() -> None:
    now = datetime(2026, 3, 21, 12, tzinfo=UTC)
    assert Recurring(parse("0 0 * * *"), timedelta(days=1), ZoneInfo("UTC")).holds_until(now) is None


def test_a_29_february_is_found() -> None:
    leap = Recurring(parse("0 0 29 2 *"), timedelta(hours=1), ZoneInfo("UTC"))
    assert leap.next_start(datetime(2026, 3, 1, tzinfo=UTC)) == datetime(2028, 2, 29, tzinfo=UTC)
