"""The mutants take minutes: `script/chaos` runs them, the ordinary run leaves them out."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.world import World, running_world

collect_ignore = [] if os.environ.get("CHAOS_MUTANTS") else ["test_guards.py"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    """The reference platform with the demo's releases; a module may have a world of its own instead."""
    with running_world(tmp_path_factory.mktemp("world"), committed_database) as world:
        world.manage("demo")
        yield world


@pytest.fixture
def _nobody_runs_on(world: World) -> Iterator[None]:
    """A test that fails leaves no worker behind for the next one."""
    yield
    for process in world.processes[1:]:  # the first is the sandbox
        world.end(process)
