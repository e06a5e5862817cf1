"""A rollback takes the lane from a promotion that waits for health, commits the old files once, and is proved like any other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from deployments.choices import State
from deployments.models import Promotion, Release
from deployments.renderers.base import render_digest
from deployments.services.promotions import promotion_request
from deployments.services.releases import release_create
from deployments.services.rollbacks import promotion_rollback
from tests.chaos import fleet
from tests.world import World, running_world, until


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("rollback")
    with running_world(directory, committed_database, platform=fleet.platform(1)) as world:
        fleet.releases((world.directory / "platform/.git/refs/heads/main").read_text().strip())
        world.watch()
        yield world


def never_ready() -> str:
    """A release whose pods do not become ready."""
    digest = hashlib.sha256(b"never").hexdigest()
    images = {key: f"registry.example.com/never-ready/{key}@sha256:{digest}" for key in fleet.COMPONENTS}
    commit = Release.objects.latest("pk").commit
    return release_create(actor=fleet.CI, version="9.0.0", commit=commit, images=images).version


def reaches(promotion: Promotion, *states: State) -> Promotion:
    def is_there() -> bool:
        promotion.refresh_from_db()
        return promotion.state in states

    until(is_there, f"promotion {promotion.number} is {' or '.join(states)}")
    return promotion


def files(world: World, commit: str) -> dict[str, bytes]:
    paths = world.git("ls-tree", "-r", "--name-only", commit).splitlines()
    return {path: world.git("show", f"{commit}:{path}").encode() for path in paths if "/" in path}


def test_the_old_files_are_back_while_the_newer_promotion_waits_for_health(world: World) -> None:
    good = reaches(promotion_request(actor=fleet.CI, environment="e00", release="1.0.0"), State.SUCCEEDED)
    bad = promotion_request(actor=fleet.CI, environment="e00", release=never_ready())
    reaches(bad, State.ROLLING_OUT)
    rollback = promotion_rollback(actor=fleet.CI, target=good, reason="9.0.0 does not start.")
    reaches(rollback, State.SUCCEEDED)
    reaches(bad, State.CANCELED)
    assert bad.commit
    assert files(world, rollback.commit) == files(world, good.commit)
    assert rollback.render_digest == good.render_digest == render_digest(files(world, rollback.commit))
    log = world.git("log", "--format=%s|%(trailers:key=Promotion-Id,valueonly,separator=%x2C)", "env/e00").splitlines()
    assert log[0] == f"Roll e00 back to 1.0.0 (promotion {rollback.number})|{rollback.pk}"
    assert sum(str(rollback.pk) in line for line in log) == 1
    mine = [entry for entry in world.operations() if str(rollback.pk) in str(entry.get("infos"))]
    assert sorted(entry["application"] for entry in mine if entry["type"] == "sync") == ["alpha-e00", "beta-e00"]
    world.manage("verify_audit")
