"""Claiming rows: a lease by the database's clock, and a fencing number that later claims always exceed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.db.models.functions import Coalesce, Least, Now

from controlpanel.core.models import Leased

log = structlog.get_logger(__name__)
Row = TypeVar("Row", bound=Leased)


class LeaseLost(Exception):
    """Another process holds the row by now: stop at once and write nothing."""


class LeaseTooShort(Exception):
    """Less of the lease is left than the next outside call may take: give the row back instead of calling."""


class StatementTime(Now):
    """`clock_timestamp()`: PostgreSQL's now(), even late in a transaction."""

    template = "CLOCK_TIMESTAMP()"

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Keep our template; Django's Now would write STATEMENT_TIMESTAMP()."""
        return self.as_sql(compiler, connection, **extra)


class Clock:
    """The database's time, asked once and carried on by this process's monotonic clock."""

    def __init__(self) -> None:
        self._asked: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """The time now."""
        if self._asked is None:
            self._asked = (_database_time(), time.monotonic())
        at, since = self._asked
        return at + timedelta(seconds=time.monotonic() - since)


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    assert row is not None
    at: datetime = row[0]
    return at


@dataclass(kw_only=True)
class Lease:
    """What a claim gives: the number to show on each write, and the moment (monotonic seconds) at which it ends.

    A thread beside the work prolongs it, so `ends_at` moves on while the process lives.
    """

    fencing: int
    ends_at: float

    def left(self) -> float:
        """Seconds left by this process's own clock."""
        return self.ends_at - time.monotonic()

    def guard(self, seconds: float) -> None:
        """Self-fencing: raise `LeaseTooShort` unless a call of `seconds` would end within the lease."""
        if self.left() < seconds:
            raise LeaseTooShort(f"{self.left():.1f} s of the lease are left; the call may take {seconds:.1f} s.")


def _after(seconds: float) -> Any:
    return StatementTime() + timedelta(seconds=seconds)


def due(model: type[Row]) -> models.QuerySet[Row]:
    """Rows whose time has come and that nobody holds, and rows whose holder went away without giving them back."""
    free = models.Q(lease_until__isnull=True, next_run_at__lte=StatementTime())
    return model._default_manager.filter(free | models.Q(lease_until__lt=StatementTime())).order_by("next_run_at")


def claim(model: type[Row], pk: Any) -> tuple[Row, Lease] | None:
    """Claim one due row, or None where it is not due, held or already claimed by a faster one.

    `next_run_at` is emptied, so that a wake-up that comes while the row is held can be told from an older one.
    """
    seconds = settings.TIMINGS.lease_seconds
    started = time.monotonic()
    with transaction.atomic():
        row = due(model).select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
        if row is None:
            return None
        row.fencing = _next_fencing()
        model._default_manager.filter(pk=pk).update(
            fencing=row.fencing, lease_until=_after(seconds), next_run_at=None, attempts=models.F("attempts") + 1
        )
        row.attempts += 1
    return row, Lease(fencing=row.fencing, ends_at=started + seconds)


@contextlib.contextmanager
def held(row: Leased, lease: Lease, **expected: Any) -> Iterator[None]:
    """One transaction in which the row is locked, still ours and as `expected`. Raises `LeaseLost` before any write."""
    with transaction.atomic():
        rows = type(row)._default_manager.select_for_update(of=("self",)).filter(pk=row.pk)
        now = rows.values("fencing", *expected).get()
        if now != {"fencing": lease.fencing, **expected}:
            raise LeaseLost(f"{row} is not ours to write any more.")
        yield


def release(row: Leased, lease: Lease, *, in_seconds: float | None) -> bool:
    """Give the row back, due again in so many seconds (None: only when woken). A wake-up meanwhile is kept.

    False where it is no longer ours.
    """
    again = models.F("next_run_at")
    if in_seconds is not None:
        again = Least(Coalesce(again, _after(in_seconds)), _after(in_seconds))  # type: ignore[assignment]
    rows = type(row)._default_manager.filter(pk=row.pk, fencing=lease.fencing)
    return bool(rows.update(lease_until=None, next_run_at=again))


def wake(queryset: models.QuerySet[Any]) -> int:
    """Make rows due now; a row that is held runs once more when its holder gives it back. Returns how many."""
    return queryset.filter(models.Q(next_run_at__isnull=True) | models.Q(next_run_at__gt=StatementTime())).update(
        next_run_at=StatementTime()
    )


def _next_fencing() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('core_fencing')")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


MOST_PROLONGATIONS = 6
"""Times a third of a lease. Work that takes longer hangs: the row is left to whoever claims it next."""


@contextlib.contextmanager
def prolonged(row: Leased, lease: Lease) -> Iterator[None]:
    """Prolong the lease three times within its length while the work goes on; a dead or stopped process does not."""
    done = threading.Event()
    thread = threading.Thread(target=_prolong, args=(row, lease, done), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _prolong(row: Leased, lease: Lease, done: threading.Event) -> None:
    seconds = settings.TIMINGS.lease_seconds
    try:
        for _ in range(MOST_PROLONGATIONS):
            if done.wait(seconds / 3):
                return
            started = time.monotonic()
            rows = type(row)._default_manager.filter(pk=row.pk, fencing=lease.fencing)
            if not rows.filter(lease_until__gt=StatementTime()).update(lease_until=_after(seconds)):
                return
            lease.ends_at = started + seconds
    except DatabaseError as error:  # the work finds out by itself when the lease ends
        log.warning("lease_not_prolonged", row=str(row.pk), error=type(error).__name__)
    finally:
        connection.close()


def run_claimed(model: type[Row], pk: Any, work: Callable[[Row, Lease], float | None]) -> bool:
    """Claim, work, give back. `work` returns the seconds until the row is due again (None: not by time).

    False where the row was not to be had. A lost lease ends quietly: whoever holds the row by now goes on.
    """
    claimed = claim(model, pk)
    if claimed is None:
        return False
    row, lease = claimed
    again: float | None = 5.0
    try:
        with prolonged(row, lease):
            again = work(row, lease)
    except (LeaseLost, LeaseTooShort):
        again = 0.0
    finally:
        release(row, lease, in_seconds=again)
    return True
