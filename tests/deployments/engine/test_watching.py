"""What watch keeps of Argo CD's words, and what it does when something about them is odd."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.clients.argocd_models import Resource
from controlpanel.core import audit
from controlpanel.core.models import OutboxMessage
from deployments import delivery
from deployments.choices import PreflightState
from deployments.models import Application, Preflight, Promotion
from deployments.services import preflights
from deployments.watching import reader, reconciler
from deployments.watching.observations import Directory, observe
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import synced
from tests.world import until

NAME = "backend-staging"


def test_rows_of_two_models_with_the_same_number_both_run() -> None:
    holds, ran, twice = threading.Event(), threading.Event(), threading.Event()

    def hold(_: object) -> bool:
        return not holds.wait(5)

    def run(_: object) -> bool:
        ran.set()
        return False

    def again(_: object) -> bool:
        twice.set()
        return False

    one = reconciler.Reconciler(threads=3)
    try:
        one._run_here("Instruction", hold, 7)
        one._run_here("ExternalCheck", run, 7)
        one._run_here("Instruction", again, 7)
        assert ran.wait(5)
    finally:
        holds.set()
        one.close()
    assert not twice.is_set()
    assert not one.running


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "health"), [(10, "Healthy"), (100, "Degraded")])
def test_an_argo_cd_that_counts_from_below_is_believed_when_the_old_row_is_forgotten(
    seconds: int, health: str, staging: object
) -> None:
    Application.objects.filter(name=NAME).update(
        resource_version=10**9, observed_at=timezone.now() - timedelta(seconds=seconds)
    )
    observe(Directory("ARGOCD_SERVER"), [synced(NAME, "", health_status="Degraded")])
    assert Application.objects.get(name=NAME).health == health


@pytest.mark.django_db
def test_an_application_with_endless_or_odd_words_is_kept_as_far_as_it_fits(staging: object) -> None:
    odd = synced(NAME, "m" * 500, operation_initiated_by="x\0" * 500, health_message="a\0b")
    observe(Directory("ARGOCD_SERVER"), [odd, synced("ai-staging", "", health_status="Degraded")])
    row = Application.objects.get(name=NAME)
    assert (len(row.operation_marker), row.health_message) == (64, "ab")
    assert Application.objects.get(name="ai-staging").health == "Degraded"


@pytest.mark.django_db
def test_what_differs_from_git_is_kept_by_name_with_when_it_was_first_seen(staging: object) -> None:
    def seen(*names: str) -> Application:
        resources = tuple(Resource("", "ConfigMap", "hub", name, status="OutOfSync") for name in names)
        resources += (Resource("apps", "Deployment", "hub", "backend", status="Synced"),)
        read = synced(NAME, "", sync_status="OutOfSync" if names else "Synced", resources=resources)
        observe(Directory("ARGOCD_SERVER"), [read])
        return Application.objects.get(name=NAME)

    assert (seen().differing, seen().differs_since) == ([], None)
    first = seen("a")
    assert first.differing == [{"group": "", "kind": "ConfigMap", "namespace": "hub", "name": "a", "is_extra": False}]
    more = seen("a", "b")
    assert [one["name"] for one in more.differing] == ["a", "b"]
    assert first.differs_since is not None
    assert more.differs_since == first.differs_since
    assert seen().differs_since is None


@pytest.mark.django_db
def test_a_list_in_which_nothing_is_new_costs_the_same_for_two_applications_as_for_all(
    staging: object, django_assert_num_queries: Any
) -> None:
    directory = Directory("ARGOCD_SERVER")
    reads = [synced(name, "") for name in directory.places]
    assert observe(directory, reads) == set(directory.places)
    Application.objects.update(observed_at=None)
    for some in (reads[:2], reads):
        with django_assert_num_queries(4):  # a savepoint and its end, the rows, their time
            assert observe(directory, some) == set()
    assert not Application.objects.filter(observed_at=None).exists()
    assert len(reads) > 4


@pytest.mark.django_db
def test_what_is_new_but_not_shown_is_kept_and_wakes_nobody(staging: object) -> None:
    directory = Directory("ARGOCD_SERVER")
    observe(directory, [synced(NAME, "")])
    before = Application.objects.get(name=NAME)
    assert observe(directory, [synced(NAME, "", resource_version=1001, images=("a",))]) == set()
    after = Application.objects.get(name=NAME)
    assert (after.resource_version, after.images, after.changed_at) == (1001, ["a"], before.changed_at)
    assert observe(directory, [synced(NAME, "", resource_version=900, health_status="Degraded")]) == set()
    assert Application.objects.get(name=NAME).health == "Healthy"


@pytest.mark.django_db
def test_a_row_whose_holder_died_is_late_even_while_the_broker_takes_bells(
    promoted: Callable[[], Promotion],
) -> None:
    promotion = promoted()
    past = timezone.now() - timedelta(minutes=1)
    Promotion.objects.filter(pk=promotion.pk).update(next_run_at=None, lease_until=past)
    assert list(reconciler._due(Promotion)) == [(promotion.pk, True)]


def test_a_reader_survives_what_nobody_thought_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BACK_OFF", (0.01,))
    stopping, tries = threading.Event(), []

    def work() -> None:
        tries.append(1)
        raise KeyError("odd")

    thread = threading.Thread(target=reader.Reader("S", stopping)._repeat, args=(work, 0.01))
    thread.start()
    try:
        until(lambda: len(tries) > 2, "it tries again", 10.0)
    finally:
        stopping.set()
        thread.join()


def test_a_leader_that_cannot_renew_writes_no_more() -> None:
    follower = reader.Reader("S", threading.Event())
    follower.leads.set()
    follower.leadership.is_ours = _broken  # type: ignore[method-assign]
    with pytest.raises(OSError, match="away"):
        follower._lead()
    assert not follower.leads.is_set()


def _broken(*_: Any) -> bool:
    raise OSError("away")


@pytest.mark.django_db
def test_a_preview_that_kills_its_worker_is_given_up(promoted: Callable[[], Promotion]) -> None:
    of = promoted()
    row = rows.preflight(of.release, of.environment, PreflightState.RENDERING)  # type: ignore[arg-type]
    Preflight.objects.filter(pk=row.pk).update(next_run_at=timezone.now(), attempts=2 * preflights.MOST_ATTEMPTS)
    preflights.preflight_render(row.pk)
    row.refresh_from_db()
    assert (row.state, bool(row.error)) == (PreflightState.FAILED, True)


@pytest.mark.django_db
def test_a_message_that_breaks_its_channel_is_dead_after_a_day() -> None:
    event = audit.record(actor=audit.SYSTEM, action="test")
    row = OutboxMessage.objects.create(kind="none", destination="a", event=event, payload={})
    long_ago = timezone.now() - timedelta(days=2)
    OutboxMessage.objects.filter(pk=row.pk).update(
        next_run_at=timezone.now(), attempts=3, created_at=long_ago, tried_since=long_ago
    )
    delivery.deliver(row.pk)
    row.refresh_from_db()
    assert row.dead_at is not None
