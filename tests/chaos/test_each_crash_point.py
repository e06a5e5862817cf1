"""A worker is killed at each named point around an outside call: one commit, one sync for each Application, right end.

The verdict looks only at Git, at the sandbox's own log, and at the promotion's end.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from controlpanel.catalog.models import Environment
from controlpanel.core.crashpoints import POINTS
from deployments.choices import Kind
from deployments.services.promotions import promotion_request
from tests import fixtures_tenants as make
from tests.chaos import fleet
from tests.chaos.killed import assert_done_once, killed_at, new_release, promoted, until_dead, until_it_ends
from tests.world import World

WHILE_PROMOTING = tuple(point for point in POINTS if not point.startswith("cancel."))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("_nobody_runs_on")]


@pytest.mark.parametrize("point", WHILE_PROMOTING)
def test_a_killed_worker_loses_and_doubles_nothing(world: World, point: str, tmp_path: Path) -> None:
    doomed = killed_at(world, point, tmp_path)
    promotion = promoted(new_release(point).version)
    until_dead(doomed, point)
    successor = world.watch()
    assert_done_once(world, until_it_ends(world, promotion))
    world.end(successor)


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
