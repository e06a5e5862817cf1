"""Windows that come back: a cron expression, how long each lasts, and the zone whose wall clock is meant.

A window goes from the first instant at which the wall clock shows its beginning to the last at which it shows its end: "from
Friday 18:00 for 62 hours" ends on Monday at 08:00 also where the clocks change in between, and an hour that comes twice is
frozen both times. Fields as in cron(5): minute, hour, day of the month, month, day of the week (0 or 7 is Sunday); `*`,
lists, ranges, steps, names of months and days; where both days are named, either will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LONGEST = timedelta(days=31)
MOST_A_DAY = 48
HORIZON = timedelta(days=4 * 366 + 1)
"""How far ahead the next window is looked for: a 29 February is found."""
NO_END = timedelta(days=366)
"""Windows that join each other for longer than this have no end that is worth telling."""
BOUNDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
WEEKDAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}


@dataclass(frozen=True)
class Cron:
    """The five fields as sets; weekdays count from Monday as 0, as Python does. `either`: both days are named."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def falls_on(self, day: date) -> bool:
        """Whether there is a window that begins on that day."""
        if day.month not in self.months:
            return False
        by_number, by_name = day.day in self.days, day.weekday() in self.weekdays
        return by_number or by_name if self.either else by_number and by_name

    @cached_property
    def times(self) -> tuple[time, ...]:
        """When windows begin on such a day."""
        return tuple(time(hour, minute) for hour in self.hours for minute in self.minutes)


def parse(text: str) -> Cron:
    """Read an expression. Raises `ValueError` with one sentence that names the field."""
    parts = text.split()
    if len(parts) != len(BOUNDS):
        raise ValueError(
            f"A schedule has five fields (minute, hour, day, month, day of the week); this has {len(parts)}."
        )
    minutes, hours, days, months, weekdays = (_field(part, *bounds) for part, bounds in zip(parts, BOUNDS, strict=True))
    if len(minutes) * len(hours) > MOST_A_DAY:
        raise ValueError(f"It would begin {len(minutes) * len(hours)} times a day; at most {MOST_A_DAY}.")
    return Cron(
        minutes=tuple(sorted(minutes)), hours=tuple(sorted(hours)), days=days, months=months,
        weekdays=frozenset((number - 1) % 7 for number in weekdays),
        either=not parts[2].startswith("*") and not parts[4].startswith("*"),
    )  # fmt: skip


def _field(text: str, name: str, least: int, most: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if (step and not (step.isascii() and step.isdecimal() and 0 < int(step) <= most)) or (part.endswith("/")):
            raise ValueError(f"The {name} {part!r} has no usable step.")
        start = least if first == "*" else _number(first, name, least, most)
        end = most if first == "*" else _number(last, name, least, most) if dash else (most if step else start)
        if end < start or (first == "*" and dash):
            raise ValueError(f"The {name} {part!r} ends before it begins.")
        found |= set(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, name: str, least: int, most: int) -> int:
    names = MONTHS if name == "month" else WEEKDAYS if name == "day of the week" else {}
    number = names.get(text.lower(), int(text) if text.isascii() and text.isdecimal() and len(text) < 3 else -1)
    if not least <= number <= most:
        raise ValueError(f"The {name} {text[:20]!r} is not from {least} to {most}.")
    return number


@dataclass(frozen=True)
class Recurring:
    """Windows of one schedule. Instants are in UTC."""

    cron: Cron
    lasts: timedelta
    zone: ZoneInfo

    def holds_until(self, now: datetime) -> datetime | None:
        """The end of the windows that hold now, those that join them included; `now` where none holds, None for no end."""
        end = now
        while True:
            later = max((until for start, until in self._around(end) if start <= end < until), default=end)
            if later == end:
                return end
            if later - now > NO_END:
                return None
            end = later

    def next_start(self, now: datetime) -> datetime | None:
        """When the next window begins, None where there is none in sight."""
        first = now.astimezone(self.zone).date() - DAY
        days = (first + DAY * number for number in range(HORIZON.days))
        for day in days:
            starts = [self._first(datetime.combine(day, at)) for at in self._times(day)]
            later = [start for start in starts if start > now]
            if later:
                return min(later)
        return None

    def _around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Windows that may hold then."""
        today = now.astimezone(self.zone).date()
        back = self.lasts.days + 2
        for number in range(-back, 2):
            day = today + DAY * number
            for at in self._times(day):
                start = datetime.combine(day, at)
                yield self._first(start), self._last(start + self.lasts)

    def _times(self, day: date) -> tuple[time, ...]:
        return self.cron.times if self.cron.falls_on(day) else ()

    def _first(self, wall: datetime) -> datetime:
        """The first instant at which the wall clock shows this or later."""
        one, two = self._instants(wall)
        return self._jump(two, one) if self._is_skipped(wall, one) else min(one, two)

    def _last(self, wall: datetime) -> datetime:
        """The instant from which on the wall clock shows this or later, for good."""
        one, two = self._instants(wall)
        return self._jump(two, one) if self._is_skipped(wall, one) else max(one, two)

    def _instants(self, wall: datetime) -> tuple[datetime, datetime]:
        one, two = (wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return one, two

    def _is_skipped(self, wall: datetime, instant: datetime) -> bool:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0) != wall

    def _jump(self, before: datetime, after: datetime) -> datetime:
        """The instant between the two at which the clock is put forward, to the minute."""
        offset = before.astimezone(self.zone).utcoffset()
        while after - before > MINUTE:
            middle = before + timedelta(minutes=(after - before) // MINUTE // 2)
            before, after = (middle, after) if middle.astimezone(self.zone).utcoffset() == offset else (before, middle)
        return after
