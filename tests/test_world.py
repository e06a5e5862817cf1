"""A world of processes leaves what is not its own alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world import World


def test_a_process_is_killed_once_for_its_id_is_soon_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    world = World(directory=tmp_path, database_url="")
    dead = subprocess.Popen([sys.executable, "-S", "-c", ""], start_new_session=True)
    dead.wait()
    world.processes.append(dead)
    monkeypatch.setattr(os, "killpg", lambda group, number: killed.append(group))
    world.end(dead)
    world.stop()
    assert killed == [dead.pid]
