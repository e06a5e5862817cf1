"""A worker is killed at each named point after the commit: one sync for each Application, one end, and it is the right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlpanel.catalog.models import Environment
from deployments.choices import Kind
from deployments.services.promotions import promotion_request
from tests import fixtures_tenants as make
from tests.chaos import fleet
from tests.chaos.killed import AFTER_THE_COMMIT, assert_done_once, assert_survived, killed_at, until_dead, until_it_ends
from tests.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("_nobody_runs_on")]


@pytest.mark.parametrize("point", AFTER_THE_COMMIT)
def test_a_killed_worker_loses_and_doubles_nothing(world: World, point: str, tmp_path: Path) -> None:
    assert_survived(world, point, tmp_path)


@pytest.mark.parametrize("point", ["sync.after_send"])
def test_nor_does_one_that_promotes_tenants_configuration(world: World, point: str, tmp_path: Path) -> None:
    nova = make.tenant(f"nova-{point.partition('.')[0]}", by=fleet.CI)
    make.put(nova, Environment.objects.get(name="staging"), by=fleet.CI)
    doomed = killed_at(world, point, tmp_path)
    promotion = promotion_request(actor=fleet.CI, environment="staging", release=None, kind=Kind.TENANT_CONFIG)
    until_dead(doomed, point)
    successor = world.watch()
    assert_done_once(world, until_it_ends(world, promotion))
    assert [row.is_pending for row in nova.references.all()] == [False, False]
    world.end(successor)
