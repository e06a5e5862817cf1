"""Every guard is needed: with it the promise holds, without it the same disturbance breaks it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from controlpanel.core import audit, lease
from controlpanel.core.lease import Lease, LeaseLost
from controlpanel.core.models import OutboxMessage
from deployments.choices import TERMINAL, State
from deployments.models import Promotion, Release
from deployments.services.promotions import promotion_request
from deployments.services.releases import release_create
from tests.chaos import fleet
from tests.chaos.oracle import verdict
from tests.world import World, running_world, until


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("guards")
    with running_world(directory, committed_database, platform=fleet.platform(6)) as world:
        fleet.releases((world.directory / "platform/.git/refs/heads/main").read_text().strip())
        yield world


def run_with_a_crash(world: World, environment: str, point: str, ticket: Path, without: str = "") -> list[str]:
    """Promote, let the worker die at the point, go on with a successor; the oracle's verdict."""
    ticket.touch()
    arguments = ("-m", "tests.chaos.without", without, "watch") if without else ("manage.py", "watch")
    doomed = world.run(*arguments, CONTROL_PANEL_CRASH_AT=f"{point}={ticket}")
    promotion = promotion_request(actor=fleet.CI, environment=environment, release=fleet.VERSIONS[0])
    until(lambda: doomed.poll() is not None, f"the worker dies at {point}")
    successor = world.run(*arguments)

    def has_ended() -> bool:
        promotion.refresh_from_db()
        return promotion.is_terminal or promotion.state == State.PAUSED or len(of(world, promotion)) > 0

    until(has_ended, "the promotion ends")
    world.end(successor)
    return of(world, promotion)


def of(world: World, promotion: Promotion) -> list[str]:
    """What the oracle holds against this promotion, other than that it is still running."""
    running = promotion.state not in (*TERMINAL, State.PAUSED)
    return [line for line in verdict(world, []) if str(promotion) in line and not (running and "times" not in line)]


def test_with_the_claim_a_push_is_recognised_and_without_it_taken_for_someone_elses(
    world: World, tmp_path: Path
) -> None:
    assert run_with_a_crash(world, "e00", "commit.after_push", tmp_path / "a") == []
    assert run_with_a_crash(world, "e01", "commit.after_push", tmp_path / "b", "claim") != []


def test_with_the_marker_a_sync_is_sent_once_and_without_it_again(world: World, tmp_path: Path) -> None:
    assert run_with_a_crash(world, "e02", "sync.after_send", tmp_path / "a") == []
    assert any(" times" in line for line in run_with_a_crash(world, "e03", "sync.after_send", tmp_path / "b", "marker"))


@pytest.mark.parametrize(("environment", "without", "ends"), [("e04", "", False), ("e05", "freshness", True)])
def test_only_a_fresh_comparison_ends_a_promotion(world: World, environment: str, without: str, ends: bool) -> None:
    """Argo CD says Synced and Healthy from before; the pods of this release never become ready."""
    digest = hashlib.sha256(b"never").hexdigest()
    images = {key: f"registry.example.com/never-ready/{key}@sha256:{digest}" for key in fleet.COMPONENTS}
    commit = Release.objects.latest("pk").commit
    stuck = Release.objects.filter(version="9.0.0").first() or release_create(
        actor=fleet.CI, version="9.0.0", commit=commit, images=images
    )
    runner = world.run(*(("-m", "tests.chaos.without", without, "watch") if without else ("manage.py", "watch")))
    before = promotion_request(actor=fleet.CI, environment=environment, release=fleet.VERSIONS[0])
    until(lambda: Promotion.objects.filter(pk=before.pk, state=State.SUCCEEDED).exists(), "something is live")
    rules = [{"effect": "stale-status", "seconds": 2400, "shows": "early"}]  # a minute at this speed
    httpx.put(f"{world.server}/sandbox/faults", json=rules).raise_for_status()
    promotion = promotion_request(actor=fleet.CI, environment=environment, release=stuck.version)
    calm = threading.Event()
    for _ in range(500 if ends else 150):
        promotion.refresh_from_db()
        if promotion.is_terminal:
            break
        calm.wait(0.1)
    world.end(runner)
    httpx.delete(f"{world.server}/sandbox/faults").raise_for_status()
    assert (promotion.state == State.SUCCEEDED) is ends


def a_row() -> OutboxMessage:
    event = audit.record(actor=audit.SYSTEM, action="test")
    return OutboxMessage.objects.create(
        kind="mail", destination="a", event=event, payload={}, next_run_at=timezone.now()
    )


def test_with_the_lease_one_works_at_a_time_and_without_it_two(world: World) -> None:
    row = a_row()
    assert lease.claim(OutboxMessage, row.pk) is not None
    assert lease.claim(OutboxMessage, row.pk) is None
    OutboxMessage.objects.filter(pk=row.pk).update(lease_until=None, next_run_at=timezone.now())  # the guard taken out
    assert lease.claim(OutboxMessage, row.pk) is not None


def test_with_fencing_a_stale_holder_writes_nothing_and_without_it_does(world: World) -> None:
    row = a_row()
    first = lease.claim(OutboxMessage, row.pk)
    assert first is not None
    OutboxMessage.objects.filter(pk=row.pk).update(lease_until=None, next_run_at=timezone.now())
    second = lease.claim(OutboxMessage, row.pk)
    assert second is not None
    with pytest.raises(LeaseLost), lease.held(row, first[1]):
        OutboxMessage.objects.filter(pk=row.pk).update(last_error="stale")
    unfenced = Lease(fencing=second[1].fencing, ends_at=first[1].ends_at)  # the guard taken out
    with lease.held(row, unfenced):
        OutboxMessage.objects.filter(pk=row.pk).update(last_error="stale")
    row.refresh_from_db()
    assert row.last_error == "stale"
    connection.close()
