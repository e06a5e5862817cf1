"""Leases: one holder at a time, later claims exceed earlier ones, wake-ups are never lost."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.core import audit, lease
from controlpanel.core.lease import LeaseLost, LeaseTooShort
from controlpanel.core.models import OutboxMessage
from tests.world import until

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> OutboxMessage:
    event = audit.record(actor=audit.SYSTEM, action="test")
    return OutboxMessage.objects.create(
        kind="mail", destination="a", event=event, payload={}, next_run_at=timezone.now()
    )


def claimed(row: OutboxMessage) -> lease.Lease:
    result = lease.claim(OutboxMessage, row.pk)
    assert result is not None
    return result[1]


def test_a_held_row_is_not_claimed_again(row: OutboxMessage) -> None:
    claimed(row)
    assert lease.claim(OutboxMessage, row.pk) is None


def test_a_row_whose_holder_died_is_claimed_after_the_lease_with_a_greater_number(row: OutboxMessage) -> None:
    first = claimed(row)
    OutboxMessage.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    second = claimed(row)
    assert second.fencing > first.fencing
    with pytest.raises(LeaseLost), lease.held(row, first):
        pytest.fail("a stale holder must not write")


def test_a_row_comes_back_when_its_holder_says(row: OutboxMessage) -> None:
    held = claimed(row)
    lease.release(row, held, in_seconds=60)
    assert lease.claim(OutboxMessage, row.pk) is None
    lease.wake(OutboxMessage.objects.filter(pk=row.pk))
    assert lease.claim(OutboxMessage, row.pk) is not None


def test_a_wake_up_while_the_row_is_held_is_kept(row: OutboxMessage) -> None:
    held = claimed(row)
    lease.wake(OutboxMessage.objects.filter(pk=row.pk))
    lease.release(row, held, in_seconds=60)
    assert lease.claim(OutboxMessage, row.pk) is not None


def test_a_row_that_waits_for_nobody_is_not_due(row: OutboxMessage) -> None:
    held = claimed(row)
    lease.release(row, held, in_seconds=None)
    assert not lease.due(OutboxMessage).exists()


def test_a_stale_holder_gives_nothing_back(row: OutboxMessage) -> None:
    first = claimed(row)
    OutboxMessage.objects.filter(pk=row.pk).update(fencing=first.fencing + 1)
    assert lease.release(row, first, in_seconds=0) is False


def test_no_call_begins_that_the_lease_would_not_outlive() -> None:
    with pytest.raises(LeaseTooShort):
        lease.Lease(fencing=1, ends_at=0.0).guard(1.0)


@pytest.mark.django_db(transaction=True)
def test_work_that_outlasts_a_lease_keeps_its_row(row: OutboxMessage, settings: Any) -> None:
    settings.TIMINGS = settings.TIMINGS.model_copy(update={"lease_seconds": 0.6})

    def work(_: OutboxMessage, held: lease.Lease) -> float | None:
        first = held.ends_at
        until(lambda: held.ends_at > first + 0.5, "the lease is prolonged past its first length", 10.0)
        assert lease.claim(OutboxMessage, row.pk) is None
        return None

    assert lease.run_claimed(OutboxMessage, row.pk, work) is True
    row.refresh_from_db()
    assert (row.lease_until, row.attempts) == (None, 1)


@pytest.mark.django_db(transaction=True)
def test_a_lease_that_ended_is_not_revived(row: OutboxMessage, settings: Any) -> None:
    settings.TIMINGS = settings.TIMINGS.model_copy(update={"lease_seconds": 0.3})
    held = claimed(row)
    OutboxMessage.objects.filter(pk=row.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    with lease.prolonged(row, held):
        until(lambda: "lease" not in {thread.name for thread in threading.enumerate()}, "it gives up", 10.0)
    assert lease.due(OutboxMessage).exists()
