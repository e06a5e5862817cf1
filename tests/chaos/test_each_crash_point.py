"""A worker is killed at each named point around an outside call: one commit, one sync for each Application, right end.

The verdict looks only at Git, at the sandbox's own log, and at the promotion's end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from controlpanel.core.crashpoints import POINTS
from deployments.choices import State
from deployments.models import Promotion, Release
from tests.world import World, running_world, until

pytestmark = [pytest.mark.chaos, pytest.mark.django_db(transaction=True)]
WHILE_PROMOTING = tuple(point for point in POINTS if not point.startswith("cancel."))


@pytest.fixture
def world(tmp_path: Path, transactional_db: None) -> Iterator[World]:
    with running_world(tmp_path, _database_url()) as world:
        world.manage("demo")
        yield world


def _database_url() -> str:
    settings: dict[str, Any] = connection.settings_dict
    return f"postgresql://{settings['USER']}:{settings['PASSWORD']}@/{settings['NAME']}?host={settings['HOST']}"


def promoted(world: World, version: str, environment: str = "staging") -> Promotion:
    """Ask for a promotion by the command, as CI would."""
    world.manage("promote", environment, version, "--reason", "A test.")
    return Promotion.objects.filter(release__version=version, environment__name=environment).latest("number")


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
        entry["application"] for entry in world.operations() if str(promotion.pk) in str(entry.get("infos", "")) and entry["kind"] == "sync"
    )
    changed = set(promotion.rollouts.filter(is_changed=True).values_list("application", flat=True))
    assert synced == Counter(changed)


@pytest.mark.parametrize("point", WHILE_PROMOTING)
def test_a_killed_worker_loses_and_doubles_nothing(world: World, point: str, tmp_path: Path) -> None:
    ticket = tmp_path / "ticket"
    ticket.touch()
    promotion = promoted(world, "2026.11.0")
    doomed = world.watch(CONTROL_PANEL_CRASH_AT=f"{point}={ticket}")
    until(lambda: doomed.poll() is not None, f"the worker dies at {point}")
    assert doomed.returncode == -9
    world.watch()
    assert_done_once(world, until_it_ends(world, promotion))
    assert Release.objects.filter(version="2026.11.0").exists()
