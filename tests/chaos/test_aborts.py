"""A worker is killed while it calls a promotion off: only what is ours is stopped, and the end is told as it is."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.choices import State
from deployments.lifecycle import StaleMove
from deployments.models import Promotion
from deployments.services.promotions import promotion_abort
from tests.chaos.killed import assert_done_once, killed_at, new_release, operator, promoted, until_dead, until_it_ends
from tests.world import World, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("_nobody_runs_on")]
SLOW, QUICK = 0.015, 40.0
"""Speeds of the sandbox: so that an operation runs for a quarter of a minute, and as in the other tests."""


@pytest.mark.parametrize("point", ["cancel.before_terminate", "cancel.after_terminate"])
def test_an_abort_whose_worker_is_killed_terminates_only_what_is_ours(world: World, point: str, tmp_path: Path) -> None:
    has_something_live(world)
    asked(world, "PUT", "/sandbox/settings", {"speed": SLOW}).raise_for_status()
    somebody_syncs(world, "frontend-staging")  # not reached: of the last wave
    doomed = killed_at(world, point, tmp_path)
    promotion = promoted(new_release(point).version)
    marker = str(promotion.pk)
    until(lambda: markers(world, "sync")[marker], "Argo CD has our sync")
    call_off(promotion)
    until_dead(doomed, point)
    successor = world.watch()
    until(lambda: markers(world, "terminate")[marker], "our operation is terminated")
    asked(world, "PUT", "/sandbox/settings", {"speed": QUICK}).raise_for_status()
    assert_stopped(world, until_it_ends(world, promotion), was_pushed=True)
    assert markers(world, "terminate")[marker] == markers(world, "sync")[marker]
    assert "frontend-staging" in markers(world, "sync")[""]
    assert markers(world, "terminate")[""] == set(), "somebody else's sync goes on"
    world.end(successor)


@pytest.mark.parametrize(
    ("before", "point"), [("commit.before_push", "cancel.after_claim"), ("commit.after_push", "cancel.before_claim")]
)
def test_an_abort_around_the_push_survives_its_worker(world: World, before: str, point: str, tmp_path: Path) -> None:
    doomed = killed_at(world, before, tmp_path)
    promotion = promoted(new_release(f"{before} {point}").version)
    until_dead(doomed, before)
    call_off(promotion)
    until_dead(killed_at(world, point, tmp_path), point)
    successor = world.watch()
    assert_stopped(world, until_it_ends(world, promotion), was_pushed=before == "commit.after_push")
    assert markers(world, "sync")[str(promotion.pk)] == set()
    world.end(successor)


def call_off(promotion: Promotion) -> None:
    """As a person does, who looks again where it has moved meanwhile."""

    def is_called_off() -> bool:
        promotion.refresh_from_db()
        with contextlib.suppress(StaleMove):
            promotion_abort(actor=operator(), promotion=promotion)
        return promotion.state == State.CANCELING

    until(is_called_off, "it is called off")


def has_something_live(world: World) -> None:
    """The first promotion changes every component; later ones sync backend, and frontend after it, which somebody else syncs."""
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


def somebody_syncs(world: World, application: str) -> None:
    """As soon as Argo CD lets them: what an earlier test started may still run."""

    def is_accepted() -> bool:
        answer = asked(world, "POST", f"/api/v1/applications/{application}/sync", {"project": "hub"})
        return answer.status_code != HTTPStatus.BAD_REQUEST and answer.raise_for_status().is_success

    until(is_accepted, f"{application} may be synced")


def asked(world: World, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {world.environment['ARGOCD_TOKEN']}"}
    return httpx.request(method, f"{world.server}{path}", json=body, headers=headers, timeout=20)
