"""Argo CD keeps saying what was true before a sync, or says that it is done at once: nothing is called done too early.

`script/chaos` makes a thousand syncs of it, and takes the guard out to show that the witness would notice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from tests.chaos import fleet
from tests.chaos.witness import Witness
from tests.world import Process, World, running_world

SYNCS = int(os.environ.get("CHAOS_STALE_SYNCS", "40"))
FLEET = fleet.Fleet(10, needs=(("beta", "alpha"),))
if SYNCS > 200:
    FLEET = fleet.Fleet(20, tuple(f"part{number}" for number in range(10)), needs=(("part9", "part0"),))
PLACES = fleet.names(FLEET.environments)
RUNNERS = 3
RULES = [
    {"effect": "stale-status", "seconds": 1.5, "probability": 0.5},
    {"effect": "stale-status", "seconds": 1.5, "shows": "early"},
]
"""Half of the syncs each: the commit before is shown for so long, or success from the operation's end on."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("stale")
    with running_world(directory, committed_database, speed=4, platform=FLEET.write) as world:
        fleet.releases(fleet.head(world.directory / "platform"), FLEET.components)
        answer = httpx.put(f"{world.server}/sandbox/faults", json={"seed": 4, "rules": RULES}, timeout=10)
        answer.raise_for_status()
        yield world


def syncs_of(world: World) -> int:
    """Accepted syncs by the sandbox's own log."""
    return sum(entry["type"] == "sync" for entry in world.operations())


def shown(world: World) -> list[int]:
    """How often each kind of staleness was shown."""
    rules = httpx.get(f"{world.server}/sandbox/faults", timeout=10).json()["rules"]
    return [rule["fired"] for rule in rules]


def started(world: World, *arguments: str) -> list[Process]:
    return [world.run(*arguments) for _ in range(RUNNERS)]


@pytest.mark.timeout(1800)
def test_stale_status_never_makes_a_success_early(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    runners = started(world, "manage.py", "watch")
    witness = Witness(world, PLACES, len(FLEET.components))
    try:
        witness.until_done(SYNCS, seconds=60 + SYNCS * 1.5)
    finally:
        for runner in runners:
            world.end(runner)
    with capsys.disabled():
        print(
            f"\n{syncs_of(world)} syncs, stale status shown {shown(world)} times, {len(witness.early)} early successes"
        )
    assert witness.early == []
    assert syncs_of(world) >= witness.done >= SYNCS
    assert min(shown(world)) > SYNCS / 4


@pytest.mark.skipif("CHAOS_MUTANTS" not in os.environ, reason="takes the guard out; script/chaos does it")
def test_without_the_rule_of_freshness_successes_come_early(world: World) -> None:
    """The witness can tell: where a comparison from before the end is believed, it finds early ends."""
    runners = started(world, "-m", "tests.chaos.without", "freshness", "watch")
    witness = Witness(world, PLACES[:10], len(FLEET.components))
    try:
        witness.until_done(40, seconds=120)
    finally:
        for runner in runners:
            world.end(runner)
    assert witness.early != []
