"""Every guard is needed: with it the promise holds, without it the same disturbance breaks it."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from controlpanel.core.lease import StatementTime
from deployments.choices import TERMINAL, State
from deployments.models import Application, Promotion, Release
from deployments.services.promotions import promotion_request
from deployments.services.releases import release_create
from tests.chaos import fleet
from tests.chaos.oracle import verdict
from tests.world import Process, World, running_world, until


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("guards")
    with running_world(directory, committed_database, platform=fleet.platform(12)) as world:
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
    assert has_succeeded(promotion, seconds=50 if ends else 15) is ends
    world.end(runner)
    httpx.delete(f"{world.server}/sandbox/faults").raise_for_status()


LONG, SHORT = 300, 2
"""Leases in seconds: one that outlasts the test, and the usual one of tests."""
A_WHILE = 10.0
"""Seconds for which nobody may take over what a long lease holds."""


def frozen_at(world: World, point: str, ticket: Path, *command: str, lease_seconds: int, **variables: str) -> Process:
    """A process that stops at the point, as on a machine that swaps or is moved, until somebody lets it go on."""
    ticket.touch()
    at = {
        "CONTROL_PANEL_CRASH_AT": f"{point}={ticket}",
        "CHAOS_FREEZES": "1",
        "CONTROL_PANEL_LEASE_SECONDS": str(lease_seconds),
        "CACHE_DIRECTORY": f"{ticket}-cache",  # that of another machine: a stopped process keeps its copies of Git for itself
    }
    return world.run("-m", "tests.chaos.without", *command, **at, **variables)


def thawed(process: Process) -> None:
    """Let it go on with what it was about to do, and end."""
    os.killpg(process.pid, signal.SIGTERM)
    os.killpg(process.pid, signal.SIGCONT)
    process.wait(timeout=60)


def run_with_a_freeze(world: World, environment: str, ticket: Path, without: str, lease_seconds: int) -> list[str]:
    """A process stops with the sync on its lips, another one takes over if it may, the first goes on; the verdict."""
    first = frozen_at(world, "sync.before_send", ticket, without, "steps", lease_seconds=lease_seconds)
    promotion = promotion_request(actor=fleet.CI, environment=environment, release=fleet.VERSIONS[0])
    until(lambda: not ticket.exists(), "it stops before it sends")
    second = world.run("-m", "tests.chaos.without", without, "watch")

    def has_ended() -> bool:
        promotion.refresh_from_db()
        return promotion.is_terminal

    if is_held := without != "lease" and lease_seconds == LONG:
        assert not has_succeeded(promotion, A_WHILE)
    until(lambda: is_held or has_ended(), "the other one takes over")
    thawed(first)
    until(has_ended, "it ends")
    world.end(second)
    assert promotion.state == State.SUCCEEDED
    return of(world, promotion)


def test_with_the_lease_one_works_at_a_time_and_without_it_two(world: World, tmp_path: Path) -> None:
    assert run_with_a_freeze(world, "e06", tmp_path / "a", "nothing", LONG) == []
    assert any(" times" in line for line in run_with_a_freeze(world, "e07", tmp_path / "b", "lease", LONG))


def test_who_has_outlived_its_lease_calls_nobody_and_without_self_fencing_does(world: World, tmp_path: Path) -> None:
    assert run_with_a_freeze(world, "e08", tmp_path / "a", "nothing", SHORT) == []
    broken = run_with_a_freeze(world, "e09", tmp_path / "b", "self_fencing", SHORT)
    assert any(" times" in line for line in broken)


@pytest.mark.parametrize(("environment", "without", "ends"), [("e10", "nothing", False), ("e11", "fencing", True)])
def test_with_fencing_a_stale_holder_writes_nothing_and_without_it_makes_a_false_end(
    world: World, tmp_path: Path, environment: str, without: str, ends: bool
) -> None:
    """It saw alpha healthy and its machine is suspended before it writes that down: by its own clock no time has passed.
    Alpha is not healthy any more when it goes on."""
    at_once = {"CONTROL_PANEL_SETTLE_SECONDS": "0"}
    ticket = tmp_path / "ticket"
    first = frozen_at(world, "observe.after_read", ticket, without, "watch", lease_seconds=LONG, **at_once)
    promotion = promotion_request(actor=fleet.CI, environment=environment, release=fleet.VERSIONS[0])
    until(lambda: not ticket.exists(), "it stops before it writes")
    promotion.refresh_from_db()
    Promotion.objects.filter(pk=promotion.pk).update(lease_until=StatementTime())  # by the database's clock it has
    for_long = time.time() / 1.5  # one period: it says so in every other one
    flap = {
        "effect": "health-flap",
        "application": f"alpha-{environment}",
        "seconds": for_long,
        "status": "Progressing",
    }
    httpx.put(f"{world.server}/sandbox/faults", json=[flap]).raise_for_status()
    second = world.run("-m", "tests.chaos.without", without, "watch", **at_once)

    def is_taken_over() -> bool:
        taken = Promotion.objects.filter(pk=promotion.pk, fencing__gt=promotion.fencing).exists()
        return taken and Application.objects.get(name=f"alpha-{environment}").health == "Progressing"

    until(is_taken_over, "another one follows it")
    thawed(first)
    assert has_succeeded(promotion, seconds=50 if ends else 15) is ends
    httpx.delete(f"{world.server}/sandbox/faults").raise_for_status()
    assert has_succeeded(promotion, seconds=60), "healthy again"
    world.end(second)


def has_succeeded(promotion: Promotion, seconds: float) -> bool:
    """Whether it succeeds within so long."""
    calm = threading.Event()
    for _ in range(int(seconds * 10)):
        promotion.refresh_from_db()
        if promotion.is_terminal:
            break
        calm.wait(0.1)
    return promotion.state == State.SUCCEEDED
