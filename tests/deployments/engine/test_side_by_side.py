"""Several processes at once: no deadlock, one active promotion for each environment, no error for whoever clicks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.permissions import Role
from deployments import advance as engine
from deployments.choices import IN_LANE, State
from deployments.models import Application, Preflight, Promotion
from deployments.services.promotions import promotion_request
from deployments.watching import observations
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import synced
from tests.world import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def beside(transactional_db: None) -> Iterator[Callable[[Callable[[], object]], Future[object]]]:
    """Runs work in a thread with a connection of its own, and goes on when that waits for a lock of ours."""

    def start(work: Callable[[], object]) -> Future[object]:
        future = pool.submit(lambda: alone(work))
        until(lambda: future.done() or is_somebody_waiting(), "the other one waits for our lock", 10.0)
        return future

    with ThreadPoolExecutor(1) as pool:
        yield start


def alone(work: Callable[[], object]) -> object:
    try:
        return work()
    finally:
        connection.close()


def is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def impatient() -> None:
    """Fail instead of waiting for a lock that the other one holds while it waits for ours."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '500ms'")


def locked(promotion: Promotion) -> None:
    Promotion.objects.select_for_update(of=("self",)).get(pk=promotion.pk)


def operator(name: str) -> Actor:
    return Actor(name=name, door="page", user=rows.person(name, Role.OPERATOR))


Beside = Callable[[Callable[[], object]], "Future[object]"]


def test_watch_holds_no_application_while_it_wakes_a_promotion(
    promoted: Callable[[], Promotion], beside: Beside
) -> None:
    promotion = rows.rolling_out_backend(promoted())
    Promotion.objects.filter(pk=promotion.pk).update(next_run_at=timezone.now() + timedelta(minutes=1))
    directory = observations.Directory("ARGOCD_SERVER")
    with transaction.atomic():
        locked(promotion)  # as a step does before it writes what it saw
        other = beside(lambda: observations.observe(directory, [synced("backend-staging", str(promotion.pk))]))
        impatient()
        Application.objects.filter(name="backend-staging").update(blocking=None)
    assert other.result() == {"backend-staging"}


def test_a_request_wakes_the_queue_only_when_the_audit_is_free_again(
    promoted: Callable[[], Promotion], beside: Beside
) -> None:
    older, asked, newer = promoted(), rows.release("2026.11.2"), promoted()
    Promotion.objects.filter(pk=newer.pk).update(next_run_at=timezone.now() + timedelta(minutes=1))
    ayse = operator("ayse")
    with transaction.atomic():
        locked(newer)  # as a step does before it records a move
        other = beside(lambda: promotion_request(actor=ayse, environment="staging", release=asked.version))
        impatient()
        audit.record(actor=audit.SYSTEM, action="test")
    other.result()
    older.refresh_from_db()
    assert older.state == State.SUPERSEDED


def test_a_request_does_not_keep_a_step_from_naming_the_environment(
    promoted: Callable[[], Promotion], beside: Beside
) -> None:
    older, asked = promoted(), rows.release("2026.11.2")
    ayse = operator("ayse")
    with transaction.atomic():
        locked(older)  # as `requested` does before it makes its preflight
        other = beside(lambda: promotion_request(actor=ayse, environment="staging", release=asked.version))
        impatient()
        Preflight.objects.create(release=asked, environment=older.environment, created_by="panel")
    other.result()


@pytest.mark.parametrize("people", [1, 20])
def test_two_hundred_clicks_at_once_make_one_active_promotion(people: int, staging: Environment) -> None:
    rows.preflight(rows.release("2026.11.1"), staging)
    actors = [operator(f"person{number}") for number in range(people)]

    def click(number: int) -> str:
        made = promotion_request(
            actor=actors[number % people], environment="staging", release="2026.11.1", render_digest=rows.DIGEST
        )
        engine.advance(made.pk)
        return str(made.pk)

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda number: alone(lambda: click(number)), range(200)))
    assert len(made) == 200
    assert len(set(made)) == people
    states = Counter(Promotion.objects.values_list("state", flat=True))
    assert sum(count for state, count in states.items() if state in IN_LANE) == 1
    assert audit.first_broken() is None
