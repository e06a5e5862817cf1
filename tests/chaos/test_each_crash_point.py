"""A worker is killed at each named point around an outside call: one commit, one sync for each Application, right end.

The verdict looks only at Git, at the sandbox's own log, and at the promotion's end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.core.crashpoints import POINTS
from deployments.choices import State
from deployments.models import Promotion, Release
from deployments.services.promotions import promotion_request
from deployments.services.releases import release_create
from tests.world import World, running_world, until

WHILE_PROMOTING = tuple(point for point in POINTS if not point.startswith("cancel."))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("world"), committed_database) as world:
        world.manage("demo")
        yield world


def promoted(version: str, environment: str = "staging") -> Promotion:
    """Ask for a promotion as the operator does."""
    actor = Actor(name="elif", door="page", user=User.objects.get(username="elif"))
    return promotion_request(actor=actor, environment=environment, release=version, reason="A test.")


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


@pytest.mark.parametrize("point", WHILE_PROMOTING)
def test_a_killed_worker_loses_and_doubles_nothing(world: World, point: str, tmp_path: Path) -> None:
    ticket = tmp_path / "ticket"
    ticket.touch()
    doomed = world.watch(CONTROL_PANEL_CRASH_AT=f"{point}={ticket}")
    promotion = promoted(new_release(point).version)
    until(lambda: doomed.poll() is not None, f"the worker dies at {point}")
    assert doomed.returncode == -9
    successor = world.watch()
    assert_done_once(world, until_it_ends(world, promotion))
    world.end(successor)
