"""The run directory: one server at a time, nothing left of a dead one."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from script.development import processes
from script.development.errors import CannotGoOn
from script.development.rundirectory import RunDirectory, is_live


def test_a_second_server_is_told_where_the_first_one_is(tmp_path: Path) -> None:
    with closing(RunDirectory(tmp_path)) as first:
        first.describe({"process": 4242, "url": "http://localhost:8000"})
        with pytest.raises(CannotGoOn, match=r"already running at http://localhost:8000 \(process 4242\)"):
            RunDirectory(tmp_path)


def test_a_second_server_is_told_that_the_first_one_is_starting(tmp_path: Path) -> None:
    sentence = rf"already running and starting \(process {os.getpid()}\)"
    with closing(RunDirectory(tmp_path)), pytest.raises(CannotGoOn, match=sentence):
        RunDirectory(tmp_path)


def test_a_directory_is_live_only_while_a_server_holds_it(tmp_path: Path) -> None:
    assert not is_live(tmp_path)
    with closing(RunDirectory(tmp_path)):
        assert is_live(tmp_path)
    assert not is_live(tmp_path)


def test_what_a_dead_server_left_running_is_ended(tmp_path: Path) -> None:
    environment = {**os.environ, processes.MARKER: str(tmp_path)}
    with closing(RunDirectory(tmp_path)) as directory, subprocess.Popen(["sleep", "60"], env=environment) as left:
        assert directory.clean_up(tmp_path / "data") == 1
        assert left.wait(timeout=10) == -15


def test_emptying_removes_everything_but_the_lock(tmp_path: Path) -> None:
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18")
    (tmp_path / "environment").write_text("A=b")
    with closing(RunDirectory(tmp_path)) as directory:
        directory.empty(data)
    assert [entry.name for entry in tmp_path.iterdir()] == ["server.lock"]
