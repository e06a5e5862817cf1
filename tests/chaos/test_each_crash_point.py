"""A worker is killed at each named point around an outside call: one commit, one sync for each Application, right end.

The verdict looks only at Git, at the sandbox's own log, and at the promotion's end.
"""

from __future__ import annotations

import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.core.crashpoints import POINTS
from deployments.choices import State
from deployments.models import Promotion, Release
from deployments.services.promotions import promotion_abort, promotion_request
from deployments.services.releases import release_create
from tests.world import World, running_world, until

WHILE_PROMOTING = tuple(point for point in POINTS if not point.startswith("cancel."))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("world"), committed_database) as world:
        world.manage("demo")
        yield world


def operator() -> Actor:
    return Actor(name="elif", door="page", user=User.objects.get(username="elif"))


def promoted(version: str, environment: str = "staging") -> Promotion:
    """Ask for a promotion as the operator does."""
    return promotion_request(actor=operator(), environment=environment, release=version, reason="A test.")


def until_it_ends(world: World, promotion: Promotion) -> Promotion:
    def has_ended() -> bool:
        promotion.refresh_from_db()
        return promotion.is_terminal or promotion.state == State.PAUSED

    try:
        until(has_ended, "the promotion ends")
    except AssertionError as error:
        raise AssertionError(f"{error} It is {promotion.state}: {promotion.note}\n{world.logs()}") from None
    return promotion


def assert_done_once(world: World, promotion: Promotion) -> None:
    """One commit with our trailer, one sync operation for each Application that changed, none for others."""
    assert promotion.state == State.SUCCEEDED, (promotion.state, promotion.issue, promotion.note, world.logs())
    log = world.git("log", "--format=%B", f"env/{promotion.environment.name}")
    assert log.count(f"Promotion-Id: {promotion.pk}") == 1
    synced = Counter(
        entry["application"]
        for entry in world.operations()
        if str(promotion.pk) in str(entry.get("infos", "")) and entry["type"] == "sync"
    )
    changed = set(promotion.rollouts.filter(is_changed=True).values_list("application", flat=True))
    assert synced == Counter(changed)


def new_release(point: str) -> Release:
    """A release that changes backend and frontend, so that one wave follows another."""
    images = {
        key: f"registry.example.com/hub/{key}@sha256:{sha256(f'{key} {point}'.encode()).hexdigest()}"
        for key in ("backend", "frontend")
    }
    newest = Release.objects.latest("pk")
    actor = Actor(name="ci", door="api", is_system=True)
    return release_create(actor=actor, version=f"0.{newest.pk}.0", commit=newest.commit, images=images)


def killed_at(world: World, point: str, directory: Path) -> subprocess.Popen[bytes]:
    """A worker that dies at the point."""
    ticket = directory / point
    ticket.touch()
    return world.watch(CONTROL_PANEL_CRASH_AT=f"{point}={ticket}")


def until_dead(doomed: subprocess.Popen[bytes], point: str) -> None:
    until(lambda: doomed.poll() is not None, f"the worker dies at {point}")
    assert doomed.returncode == -9


@pytest.mark.parametrize("point", WHILE_PROMOTING)
def test_a_killed_worker_loses_and_doubles_nothing(world: World, point: str, tmp_path: Path) -> None:
    doomed = killed_at(world, point, tmp_path)
    promotion = promoted(new_release(point).version)
    until_dead(doomed, point)
    successor = world.watch()
    assert_done_once(world, until_it_ends(world, promotion))
    world.end(successor)


SLOW, QUICK = 0.015, 40.0
"""Speeds of the sandbox: so that an operation runs for a quarter of a minute, and as in the other tests."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", ["cancel.before_terminate", "cancel.after_terminate"])
def test_an_abort_whose_worker_is_killed_terminates_only_what_is_ours(world: World, point: str, tmp_path: Path) -> None:
    has_something_live(world)
    told(world, "PUT", "/sandbox/settings", {"speed": SLOW})
    told(world, "POST", "/api/v1/applications/redis-staging/sync", {"project": "hub"})
    doomed = killed_at(world, point, tmp_path)
    promotion = promoted(new_release(point).version)
    marker = str(promotion.pk)
    until(lambda: markers(world, "sync")[marker], "Argo CD has our sync")
    promotion.refresh_from_db()
    promotion_abort(actor=operator(), promotion=promotion)
    until_dead(doomed, point)
    successor = world.watch()
    until(lambda: markers(world, "terminate")[marker], "our operation is terminated")
    told(world, "PUT", "/sandbox/settings", {"speed": QUICK})
    assert_stopped(world, until_it_ends(world, promotion), was_pushed=True)
    assert markers(world, "terminate")[marker] == markers(world, "sync")[marker]
    assert markers(world, "terminate")[""] == set(), "somebody else's sync goes on"
    world.end(successor)


@pytest.mark.parametrize(
    ("before", "point"), [("commit.before_push", "cancel.after_claim"), ("commit.after_push", "cancel.before_claim")]
)
def test_an_abort_around_the_push_survives_its_worker(world: World, before: str, point: str, tmp_path: Path) -> None:
    doomed = killed_at(world, before, tmp_path)
    promotion = promoted(new_release(f"{before} {point}").version)
    until_dead(doomed, before)
    promotion.refresh_from_db()
    promotion_abort(actor=operator(), promotion=promotion)
    until_dead(killed_at(world, point, tmp_path), point)
    successor = world.watch()
    assert_stopped(world, until_it_ends(world, promotion), was_pushed=before == "commit.after_push")
    assert markers(world, "sync")[str(promotion.pk)] == set()
    world.end(successor)


def has_something_live(world: World) -> None:
    """The first promotion changes every component; later ones leave the one alone that somebody else syncs."""
    if not Promotion.objects.filter(environment__name="staging", state=State.SUCCEEDED).exists():
        worker = world.watch()
        assert_done_once(world, until_it_ends(world, promoted(new_release("the first").version)))
        world.end(worker)


def assert_stopped(world: World, promotion: Promotion, *, was_pushed: bool) -> None:
    """Canceled, and what is said of Git and of what is live is so."""
    assert promotion.state == State.CANCELED, (promotion.state, promotion.issue, promotion.note, world.logs())
    log = world.git("log", "--format=%B", f"env/{promotion.environment.name}")
    assert log.count(f"Promotion-Id: {promotion.pk}") == int(was_pushed)
    assert bool(promotion.commit) is was_pushed
    assert world.git("for-each-ref", "--format=%(refname)", f"refs/panel/promotions/{promotion.pk}/1")
    reached = [
        rollout.component
        for rollout in promotion.rollouts.filter(is_changed=True)
        if was_pushed and has_taken(world, rollout.application, promotion.commit)
    ]
    assert not reached or promotion.live_revision == promotion.commit, f"{reached} have it, and nobody says so"


def has_taken(world: World, application: str, commit: str) -> bool:
    """Whether what lives is what the commit says, whatever anybody claims."""
    truth = httpx.get(f"{world.server}/sandbox/applications/{application}", params={"revision": commit}, timeout=10)
    return bool(truth.json()["sync"] == "Synced")


def markers(world: World, kind: str) -> defaultdict[str, set[str]]:
    """The Applications that had such a request, by the marker of the operation; "" for those of others."""
    found = defaultdict[str, set[str]](set)
    for entry in world.operations():
        if entry["type"] == kind:
            found[next((info["value"] for info in entry["infos"] or []), "")].add(entry["application"])
    return found


def told(world: World, method: str, path: str, body: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {world.environment['ARGOCD_TOKEN']}"}
    httpx.request(method, f"{world.server}{path}", json=body, headers=headers, timeout=20).raise_for_status()
