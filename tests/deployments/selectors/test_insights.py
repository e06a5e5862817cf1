"""What counts as what: without a database, by made-up rows."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest

from controlpanel.catalog.models import Environment
from deployments.selectors.insights import Incident, Insights, Period, Row

TODAY = date(2026, 11, 23)  # a Monday
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HERE, ELSEWHERE = Environment(pk=1, name="production"), 2
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def row(
    number: int,
    days: float,
    *,
    state: str = "succeeded",
    kind: str = "release",
    took: timedelta = 10 * MINUTE,
    environment: int = 1,
    is_committed: bool = True,
) -> Row:
    """A promotion that was asked for so many days ago."""
    asked = NOW - days * DAY
    committed = asked + MINUTE if is_committed else None
    return Row(uuid.UUID(int=number), number, environment, kind, state, asked, committed, asked + took, asked.date())


def insights(*rows: Row, weeks: int = 4, pauses: dict[int, datetime] | None = None) -> Insights:
    known = {uuid.UUID(int=number): at for number, at in (pauses or {}).items()}
    return Insights(Period(weeks=weeks, today=TODAY), HERE, rows, (), known)


def test_weeks_begin_on_monday_and_the_last_one_is_not_over() -> None:
    period = Period(weeks=4, today=TODAY)
    assert period.mondays == [date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16), TODAY]
    assert period.before.mondays[-1] == date(2026, 10, 26)
    assert period.week(date(2026, 11, 1)) is None
    assert period.week(date(2026, 11, 22)) == 2
    assert period.week(TODAY) == 3


def test_frequency_counts_successes_here_and_elsewhere() -> None:
    found = insights(
        row(1, 0), row(2, 0, environment=ELSEWHERE), row(3, 8), row(4, 8, state="failed"),
        row(5, 8, kind="rollback"), row(6, 8, kind="tenant_config"), row(7, 40),
    )  # fmt: skip
    assert found.frequency(found.period) == [(0, 0), (1, 0), (0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("promotion", "counts", "failed"),
    [
        (row(1, 1), 1, 0),
        (row(1, 1, state="failed"), 1, 1),
        (row(1, 1, state="canceled"), 1, 1),
        (row(1, 1, state="canceled", is_committed=False), 0, 0),
        (row(1, 1, state="rejected", is_committed=False), 0, 0),
        (row(1, 1, state="superseded", is_committed=False), 0, 0),
        (row(1, 1, environment=ELSEWHERE, state="failed"), 0, 0),
        (row(1, 1, kind="rollback", state="failed"), 0, 0),
    ],
)
def test_what_counts_as_a_failure(promotion: Row, counts: int, failed: int) -> None:
    found = insights(promotion)
    weeks = found.failures(found.period)
    assert (sum(total for _, total in weeks), sum(ill for ill, _ in weeks)) == (counts, failed)


def test_a_promotion_that_still_runs_does_not_count_yet() -> None:
    running = Row(uuid.UUID(int=1), 1, 1, "release", "rolling_out", NOW - HOUR, NOW - HOUR, None, TODAY)
    found = insights(running)
    assert sum(total for _, total in found.failures(found.period)) == 0


@pytest.mark.parametrize(
    ("hours", "is_undone"), [(1, True), (24, True), (24.5, False), (72, False)], ids=["soon", "a day", "later", "days"]
)
def test_a_rollback_within_a_day_makes_a_success_a_failure(hours: float, is_undone: bool) -> None:
    live = row(1, 5, took=10 * MINUTE)
    assert live.ended_at is not None
    back = row(2, (NOW - live.ended_at) / DAY - hours / 24, kind="rollback")
    found = insights(live, back)
    assert found.has_failed(live) is is_undone


def test_a_rollback_is_held_against_the_newest_promotion_that_had_committed() -> None:
    first, second, never = row(1, 3), row(2, 2), row(3, 1.9, state="rejected", is_committed=False)
    found = insights(first, second, never, row(4, 1.8, kind="rollback"))
    assert [found.has_failed(one) for one in (first, second)] == [False, True]


def test_a_rollback_that_never_committed_undoes_nothing() -> None:
    live = row(1, 1)
    found = insights(live, row(2, 0.9, kind="rollback", state="canceled", is_committed=False))
    assert not found.has_failed(live)


def test_a_rollback_that_takes_the_lane_from_a_running_promotion_counts_once() -> None:
    stuck = row(1, 1, state="canceled", took=2 * HOUR)
    back = row(2, 1 - 1 / 24, kind="rollback", took=10 * MINUTE)
    found = insights(stuck, back)
    assert sum(ill for ill, _ in found.failures(found.period)) == 1
    assert found.incidents(found.period) == [Incident(number=1, since=back.asked_at, seconds=600.0)]


def test_an_incident_lasts_from_the_first_pause_to_the_next_success() -> None:
    failed, next_ = row(1, 2, state="failed", took=HOUR), row(2, 2 - 3 / 24)
    assert failed.ended_at is not None
    assert next_.ended_at is not None
    found = insights(failed, next_)
    assert found.incidents(found.period)[0].seconds == (next_.ended_at - failed.ended_at).total_seconds()
    paused = failed.asked_at + 5 * MINUTE
    earlier = insights(failed, next_, pauses={1: paused})
    assert earlier.incidents(earlier.period)[0].seconds == (next_.ended_at - paused).total_seconds()


def test_a_retry_that_succeeds_is_no_incident() -> None:
    found = insights(row(1, 1), pauses={1: NOW - DAY})
    assert found.incidents(found.period) == []


@pytest.mark.parametrize("other", [row(2, 0.5, kind="tenant_config"), row(2, 0.5, environment=ELSEWHERE)])
def test_what_is_not_restored_yet_is_said_so(other: Row) -> None:
    found = insights(row(1, 1, state="failed"), other)
    assert [one.seconds for one in found.incidents(found.period)] == [None]


def test_lead_times_have_their_middle_half() -> None:
    period = Period(weeks=4, today=TODAY)
    seconds = [(1, 60.0), (2, 120.0), (3, 180.0), (4, 240.0), (9, 10.0)]
    firsts = tuple((TODAY - DAY * days, took) for days, took in seconds)
    weeks = Insights(period, HERE, (), firsts, {}).lead_by_week()
    assert [one and (one.low, one.middle, one.high, one.count) for one in weeks] == [
        None, (10.0, 10.0, 10.0, 1), (105.0, 150.0, 195.0, 4), None,
    ]  # fmt: skip
