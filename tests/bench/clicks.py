"""From the click to the commit and to the sync, for a promotion and for a rollback of one that waits for health.

A worker of Celery, `watch` and the sandbox run as in production; a click is the request to the service behind page and API.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
from datetime import datetime
from pathlib import Path

from deployments.choices import State
from deployments.models import Promotion, PromotionComponent, Release
from deployments.services.promotions import promotion_request
from deployments.services.releases import release_create
from deployments.services.rollbacks import promotion_rollback, rollback_preview
from tests.bench import place
from tests.bench.figures import Figure
from tests.chaos import fleet
from tests.world import World, until

ENVIRONMENTS = 5
SPEED = 20.0
PATIENCE_SECONDS = 120.0
PROMISED_SECONDS = 3.0


def run(directory: Path, database_url: str, options: argparse.Namespace) -> list[Figure]:
    """Promote what succeeds, promote what never gets ready, roll back; five times."""
    platform = fleet.Fleet(ENVIRONMENTS, needs=(("beta", "alpha"),))
    variables = place.TIMES | {
        "CELERY_BROKER_URL": os.environ["CELERY_BROKER_URL"],
        "CONTROL_PANEL_SETTLE_SECONDS": "1",
    }
    world = World(directory / place.WORLD, database_url, SPEED, platform=platform.write, variables=variables)
    world.directory.mkdir()
    try:
        world.start()
        fleet.releases(fleet.head(world.directory / "platform"))
        world.worker(), world.watch()
        return _measure(world, [_round(world, name) for name in fleet.names(ENVIRONMENTS)])
    finally:
        world.stop()


def _measure(world: World, rounds: list[tuple[Promotion, Promotion]]) -> list[Figure]:
    promoted, back = [one for one, _ in rounds], [other for _, other in rounds]
    return [
        Figure("click to commit, median", statistics.median(map(_to_commit, promoted)), "s"),
        Figure("click to sync, median", statistics.median(map(_to_sync, promoted)), "s"),
        Figure(
            "rollback, click to commit, median", statistics.median(map(_to_commit, back)), "s", most=PROMISED_SECONDS
        ),
        Figure("rollback, click to commit, slowest", max(map(_to_commit, back)), "s", most=PROMISED_SECONDS),
    ]


def _round(world: World, environment: str) -> tuple[Promotion, Promotion]:
    good = _reaches(world, promotion_request(actor=fleet.CI, environment=environment, release="1.0.0"), State.SUCCEEDED)
    stuck = promotion_request(actor=fleet.CI, environment=environment, release=_never_ready())
    _reaches(world, stuck, State.ROLLING_OUT)
    preview = rollback_preview(actor=fleet.CI, target=good)  # the page that stands before the click
    until(lambda: type(preview).objects.filter(pk=preview.pk, state="ready").exists(), "the preview is there")
    preview.refresh_from_db()
    back = promotion_rollback(actor=fleet.CI, target=good, render_digest=preview.render_digest)
    return stuck, _reaches(world, back, State.SUCCEEDED)


def _never_ready() -> str:
    digest = hashlib.sha256(b"never").hexdigest()
    images = {key: f"registry.example.com/never-ready/{key}@sha256:{digest}" for key in fleet.COMPONENTS}
    known = Release.objects.filter(version="9.0.0").first()
    commit = Release.objects.earliest("pk").commit
    return (known or release_create(actor=fleet.CI, version="9.0.0", commit=commit, images=images)).version


def _reaches(world: World, promotion: Promotion, state: State) -> Promotion:
    def is_there() -> bool:
        promotion.refresh_from_db()
        return promotion.state == state

    until(is_there, f"promotion {promotion.number} is {state}\n{world.logs()}", PATIENCE_SECONDS)
    return promotion


def _to_commit(promotion: Promotion) -> float:
    promotion.refresh_from_db()
    assert promotion.committed_at is not None
    return _between(promotion.created_at, promotion.committed_at)


def _to_sync(promotion: Promotion) -> float:
    first = PromotionComponent.objects.filter(promotion=promotion, wave=1).get()
    assert first.sync_intended_at is not None
    return _between(promotion.created_at, first.sync_intended_at)


def _between(before: datetime, after: datetime) -> float:
    return (after - before).total_seconds()
