"""Promotions whose worker is killed at a named point, and what must be true of them afterwards."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.core.crashpoints import POINTS
from deployments.choices import State
from deployments.models import Promotion, Release
from deployments.services.promotions import promotion_request
from deployments.services.releases import release_create
from tests.world import Process, World, until

WHILE_PROMOTING = tuple(point for point in POINTS if not point.startswith("cancel."))
BEFORE_THE_COMMIT = tuple(point for point in WHILE_PROMOTING if point.startswith(("render.", "commit.")))
AFTER_THE_COMMIT = tuple(point for point in WHILE_PROMOTING if point not in BEFORE_THE_COMMIT)


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


def killed_at(world: World, point: str, directory: Path) -> Process:
    """A worker that dies at the point."""
    ticket = directory / point
    ticket.touch()
    return world.watch(CONTROL_PANEL_CRASH_AT=f"{point}={ticket}")


def until_dead(doomed: Process, point: str) -> None:
    until(lambda: doomed.poll() is not None, f"the worker dies at {point}")
    assert doomed.returncode == -9


def assert_survived(world: World, point: str, directory: Path) -> None:
    """A worker dies at the point while it promotes, and its successor does what is left once."""
    doomed = killed_at(world, point, directory)
    promotion = promoted(new_release(point).version)
    until_dead(doomed, point)
    successor = world.watch()
    assert_done_once(world, until_it_ends(world, promotion))
    world.end(successor)
