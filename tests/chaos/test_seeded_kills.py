"""Forty seeded kills over 20 environments: nothing lost, nothing doubled, no false end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployments.choices import State
from deployments.models import Promotion
from tests.chaos import fleet, plan
from tests.chaos.broker import Broker
from tests.chaos.run import Run
from tests.world import running_world

SEED = int(os.environ.get("CHAOS_SEED", "20261123"))
KILLS = int(os.environ.get("CHAOS_KILLS", "40"))
ENVIRONMENTS = 20


@pytest.mark.slow
@pytest.mark.timeout(2700)
def test_random_kills_lose_and_double_nothing(
    tmp_path: Path, committed_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    environments = fleet.names(ENVIRONMENTS)
    disturbances = plan.make(SEED, KILLS, environments)
    with capsys.disabled():
        print(f"\nseed {SEED}, {KILLS} kills:", *disturbances, sep="\n  ")
    broker = Broker()
    variables = {"CELERY_BROKER_URL": broker.url}
    with running_world(tmp_path, committed_database, 40.0, fleet.platform(ENVIRONMENTS), **variables) as world:
        fleet.releases(_head(world.directory / "platform"))
        run = Run(world, SEED, environments, broker)
        broken = run.go(disturbances)
        ends = {state.value: Promotion.objects.filter(state=state).count() for state in State}
        with capsys.disabled():
            print(
                f"{run.kills} kills, {len(run.acknowledged)} promotions:",
                {name: count for name, count in ends.items() if count},
            )
        assert broken == [], "\n".join([*broken, world.logs()])
    assert run.kills == KILLS


def test_the_same_seed_gives_the_same_plan() -> None:
    environments = fleet.names(ENVIRONMENTS)
    assert plan.make(7, 50, environments) == plan.make(7, 50, environments)


def test_another_seed_gives_another_plan() -> None:
    environments = fleet.names(ENVIRONMENTS)
    assert plan.make(7, 50, environments) != plan.make(8, 50, environments)


def _head(repository: Path) -> str:
    return (repository / ".git/refs/heads/main").read_text().strip()
