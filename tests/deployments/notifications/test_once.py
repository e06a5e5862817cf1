"""Whatever dies between sending and writing it down, and however many workers there are: a receiver sees one id for each event."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from controlpanel.core import audit
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import AuditRouted, OutboxMessage
from deployments import delivery
from deployments.notifications import channels, routing
from tests.deployments.notifications.conftest import catalog
from tests.deployments.notifications.receiving import Inbox

ONE_RECEIVER = """
notifications:
  receivers:
    incidents: {webhook: {urlFrom: {env: INCIDENT_URL}, secretFrom: {env: INCIDENT_SECRET}}}
  routes: [{events: ["promotion.*"], receivers: [incidents]}]
"""
EVENTS, WORKERS = 6, 2


class Died(BaseException):
    """As kill -9 between two lines; nothing catches it."""


class DyingChannels:
    """Sends; every other time the worker dies right after it, before it is written down."""

    def __init__(self) -> None:
        self.count, self.lock = 0, threading.Lock()

    def __getitem__(self, kind: str) -> Any:
        def send(message: OutboxMessage) -> None:
            channels[kind](message)
            with self.lock:
                self.count += 1
                dies = self.count % 2
            if dies:
                raise Died

        return send


@pytest.mark.django_db(transaction=True)
def test_a_crash_between_send_and_mark_and_two_workers_give_one_id_for_each_event(
    web: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog(ONE_RECEIVER)
    AuditRouted.objects.update_or_create(id=1, defaults={"sequence": 0})
    for number in range(EVENTS):
        audit.record(actor=audit.SYSTEM, action="promotion.failed", target=f"promotion {number}")
    monkeypatch.setattr(delivery, "channels", DyingChannels())
    monkeypatch.setattr("controlpanel.core.lease.release", given_back_unless_dead)
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(in_a_thread(routing.route), range(WORKERS)))  # two look at the events at once
        for _ in range(8):
            rows = list(OutboxMessage.objects.filter(delivered_at=None).values_list("pk", flat=True))
            if not rows:
                break
            OutboxMessage.objects.filter(pk__in=rows).update(next_run_at=StatementTime(), lease_until=None)
            list(pool.map(in_a_thread(delivery.deliver), [pk for pk in rows for _ in range(WORKERS)]))
    assert OutboxMessage.objects.filter(delivered_at__isnull=False).count() == EVENTS
    by_event = {(one.headers["webhook-id"], one.body) for one in web.posted}
    assert len(by_event) == EVENTS, "The same event went under two ids, or in two versions."
    copies = Counter(web.ids)
    assert max(copies.values()) > 1, "No worker died in between: the test shows nothing."
    assert {str(pk) for pk in OutboxMessage.objects.values_list("pk", flat=True)} == set(copies)


def in_a_thread(work: Any) -> Any:
    def run(argument: Any) -> None:
        try:
            work(argument) if work is not routing.route else work()
        except Died:
            pass
        finally:
            connection.close()

    return run


def given_back_unless_dead(row: Any, lease: Any, *, in_seconds: float | None) -> bool:
    """A dead worker gives nothing back: its lease runs out, here at once."""
    mine = type(row)._default_manager.filter(pk=row.pk, fencing=lease.fencing)
    return bool(mine.update(lease_until=StatementTime() - timedelta(seconds=1), next_run_at=None))
