"""A worker is killed at each named point around an outside call: one commit, one sync for each Application, right end.

The verdict looks only at Git, at the sandbox's own log, and at the promotion's end. Here until the commit;
`test_each_crash_point_after_the_commit.py` has the others, in a world beside this one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.killed import BEFORE_THE_COMMIT, assert_survived
from tests.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("_nobody_runs_on")]


@pytest.mark.parametrize("point", BEFORE_THE_COMMIT)
def test_a_killed_worker_loses_and_doubles_nothing(world: World, point: str, tmp_path: Path) -> None:
    assert_survived(world, point, tmp_path)
