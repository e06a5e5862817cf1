"""Are we getting better: how often, how fast, how often it goes wrong, how soon it is right again.

Nothing is kept: every look reads the promotions as they are, so a rollback or a retry counts as soon as it has ended.
What counts as what is written down on the page itself (`templates/deployments/insights.html`).
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from statistics import median, quantiles

from django.db.models import Min
from django.db.models.functions import TruncDate
from django.utils import timezone

from controlpanel.catalog.models import Environment
from controlpanel.core.models import AuditEvent
from deployments.choices import Kind, State
from deployments.models import Promotion
from deployments.selectors.freezes import FROZEN

UNDONE_WITHIN = timedelta(hours=24)
"""A rollback that is asked for this soon after a success makes that promotion a failure."""
MOVING = 4
"""Weeks over which the failure rate is taken."""
WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Row:
    """What counting needs of one promotion; `day` is the viewer's day on which it was asked for."""

    pk: uuid.UUID
    number: int
    environment: int
    kind: str
    state: str
    asked_at: datetime
    committed_at: datetime | None
    ended_at: datetime | None
    day: date

    @property
    def counts(self) -> bool:
        """Whether it changed what is live, or tried to, and has ended."""
        return self.kind == Kind.RELEASE and self.committed_at is not None and self.ended_at is not None


@dataclass(frozen=True, kw_only=True)
class Lead:
    """How long the changes of one week took from release to environment, in seconds: the median, and the middle half."""

    middle: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A promotion that failed, since when that was known, and the seconds until the next one succeeded (None: not yet)."""

    number: int
    since: datetime
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Period:
    """`weeks` whole weeks up to now (the last one is not over) and as many before; days in the viewer's zone."""

    weeks: int
    today: date

    @cached_property
    def mondays(self) -> list[date]:
        """The first day of each week, oldest first."""
        this = self.today - timedelta(days=self.today.weekday())
        return [this - (self.weeks - 1 - index) * WEEK for index in range(self.weeks)]

    @property
    def before(self) -> Period:
        """The same number of weeks before these."""
        return Period(weeks=self.weeks, today=self.mondays[0] - timedelta(days=1))

    def week(self, day: date) -> int | None:
        """The index of the week that holds the day; None outside."""
        index = (day - self.mondays[0]).days // 7
        return index if 0 <= index < self.weeks else None


@dataclass(frozen=True)
class Insights:
    """Everything that the page shows of one environment, computed from `rows`, `first` successes and `pauses`."""

    period: Period
    environment: Environment
    rows: tuple[Row, ...]
    firsts: tuple[tuple[date, float], ...]
    pauses: dict[uuid.UUID, datetime]

    @cached_property
    def own(self) -> list[Row]:
        """Promotions of releases to this environment that count."""
        return [row for row in self.rows if row.environment == self.environment.pk and row.counts]

    @cached_property
    def undone(self) -> dict[int, Row]:
        """By the number of a promotion the rollback that undid it."""
        return undone(row for row in self.rows if row.environment == self.environment.pk)

    def frequency(self, period: Period) -> list[tuple[int, int]]:
        """Successes of each week: here, and in the other environments."""
        found = [[0, 0] for _ in range(period.weeks)]
        for row in self.rows:
            index = period.week(row.day)
            if row.counts and row.state == State.SUCCEEDED and index is not None:
                found[index][row.environment != self.environment.pk] += 1
        return [(here, elsewhere) for here, elsewhere in found]

    def lead_times(self, period: Period) -> list[float]:
        """Seconds from release to environment of the changes of the period."""
        return [seconds for day, seconds in self.firsts if period.week(day) is not None]

    def lead_by_week(self) -> list[Lead | None]:
        """The same by week; None where nothing arrived."""
        found: list[list[float]] = [[] for _ in range(self.period.weeks)]
        for day, seconds in self.firsts:
            index = self.period.week(day)
            if index is not None:
                found[index].append(seconds)
        return [_lead(values) if values else None for values in found]

    def failures(self, period: Period) -> list[tuple[int, int]]:
        """Of each week: how many failed, and of how many."""
        found = [[0, 0] for _ in range(period.weeks)]
        for row in self.own:
            index = period.week(row.day)
            if index is not None:
                found[index][0] += self.has_failed(row)
                found[index][1] += 1
        return [(failed, total) for failed, total in found]

    def has_failed(self, row: Row) -> bool:
        """Failed or aborted after its commit, or rolled back within a day."""
        return row.state != State.SUCCEEDED or row.number in self.undone

    def incidents(self, period: Period) -> list[Incident]:
        """The failures of the period, oldest first."""
        ends = sorted(
            row.ended_at for row in self.rows
            if row.environment == self.environment.pk and row.state == State.SUCCEEDED and row.ended_at and row.kind != Kind.TENANT_CONFIG
        )  # fmt: skip
        rows = [row for row in self.own if self.has_failed(row) and period.week(row.day) is not None]
        return [_incident(row, self._since(row), ends) for row in sorted(rows, key=lambda row: row.number)]

    def _since(self, row: Row) -> datetime:
        """When the failure was known: at the first pause, else at the end; for a success when its rollback was asked for."""
        rollback = self.undone.get(row.number)
        if row.state == State.SUCCEEDED and rollback is not None:
            return rollback.asked_at
        known = [self.pauses.get(row.pk), row.ended_at, rollback.asked_at if rollback else None]
        return min(moment for moment in known if moment is not None)


def insights_of(environment: Environment, environments: Iterable[Environment], weeks: int) -> Insights:
    """Read them in three queries, however many promotions there are."""
    period = Period(weeks=weeks, today=timezone.localdate())
    start = datetime.combine(period.before.mondays[0], time.min, timezone.get_current_timezone())
    fields = ("pk", "number", "environment_id", "kind", "state", "created_at", "committed_at", "finished_at")
    recent = Promotion.objects.filter(environment__in=[one.pk for one in environments], created_at__gte=start)
    committed = recent.filter(committed_at__isnull=False).annotate(day=TruncDate("created_at"))
    rows = tuple(Row(*values) for values in committed.order_by("number").values_list(*fields, "day"))
    found = Insights(period, environment, rows, _firsts(environment, start), {})
    ill = [row.pk for row in found.own if found.has_failed(row)]
    paused = AuditEvent.objects.filter(promotion__in=ill, action="promotion.paused").order_by()
    paused = paused.exclude(details__cause=FROZEN)  # nothing had failed yet
    first = paused.values_list("promotion").annotate(first=Min("at"))
    return Insights(period, environment, rows, found.firsts, {key: at for key, at in first if key})


def undone(rows: Iterable[Row]) -> dict[int, Row]:
    """By the number of each promotion that a rollback undid: the newest one that had committed when it was asked for,
    unless that one had been live for longer than a day."""
    ordered = sorted(rows, key=lambda row: row.number)
    releases = sorted(
        ((row.committed_at, row) for row in ordered if row.committed_at and row.kind == Kind.RELEASE),
        key=lambda pair: pair[0],
    )
    moments = [at for at, _ in releases]
    found: dict[int, Row] = {}
    for row in ordered:
        if row.kind != Kind.ROLLBACK or row.committed_at is None:
            continue
        place = bisect_right(moments, row.asked_at)
        before = releases[place - 1][1] if place else None
        if before and (before.ended_at is None or row.asked_at - before.ended_at <= UNDONE_WITHIN):
            found.setdefault(before.number, row)
    return found


def _firsts(environment: Environment, start: datetime) -> tuple[tuple[date, float], ...]:
    """The day on which each release was first asked for with success here, and the seconds from its making to that."""
    rows = Promotion.objects.filter(environment=environment, state=State.SUCCEEDED, kind=Kind.RELEASE)
    first = rows.order_by("release_id", "finished_at").distinct("release_id").annotate(day=TruncDate("created_at"))
    fields = ("day", "release__created_at", "finished_at")
    found = [(day, (ended - made).total_seconds()) for day, made, ended in first.values_list(*fields)]
    return tuple((day, seconds) for day, seconds in found if day >= start.date())


def _lead(values: Sequence[float]) -> Lead:
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    return Lead(middle=median(values), low=low, high=high, count=len(values))


def _incident(row: Row, since: datetime, ends: Sequence[datetime]) -> Incident:
    place = bisect_right(ends, since)
    seconds = (ends[place] - since).total_seconds() if place < len(ends) else None
    return Incident(number=row.number, since=since, seconds=seconds)
