"""A writer that is killed at any moment, with every git that it started, loses nothing and does nothing twice."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from controlpanel.clients.git import GitRepository
from tests.clients.conftest import AT, AUTHOR, Git
from tests.clients.git_http_server import GitHTTPServer
from tests.clients.git_writer import BRANCH

PROMOTIONS = 8


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, which may come and go meanwhile."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            listed = children.read_text().split()
        except OSError:
            continue
        for child in listed:
            found += [int(child), *descendants(int(child))]
    return found


def kill_all(pid: int) -> None:
    for victim in [*descendants(pid), pid]:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_and_nothing_lands_twice(
    http_server: GitHTTPServer, tmp_path: Path, git: Git, foreign_commit: Callable[..., str], seed: int
) -> None:
    url, cache, chance = http_server.url("deploy.git"), tmp_path / "cache", random.Random(seed)
    start = GitRepository(url, tmp_path / "first").bootstrap_branch(BRANCH, {"R": b"x\n"}, "Begin", AT, AUTHOR)
    command = [sys.executable, "-m", "tests.clients.git_writer", url, str(cache), str(PROMOTIONS)]
    kills = 0
    while True:
        writer = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            writer.communicate(timeout=chance.uniform(0.2, 1.0) if kills < PROMOTIONS else 60)
        except subprocess.TimeoutExpired:
            kill_all(writer.pid)
            writer.communicate()
            kills += 1
            if kills % 4 == 0:
                foreign_commit(BRANCH, f"theirs-{kills}.txt")
            continue
        break
    assert writer.returncode == 0
    assert kills > 0
    subjects = git("log", "--format=%s", f"{start}..refs/heads/{BRANCH}").splitlines()
    promotions = [subject for subject in subjects if subject.startswith("Promotion ")]
    assert promotions == [f"Promotion {number}" for number in reversed(range(PROMOTIONS))]
    assert len(subjects) - len(promotions) == kills // 4
    claims = git("for-each-ref", "--format=%(objectname)", "refs/panel").split()
    assert len(set(claims)) == PROMOTIONS
    assert set(claims) <= set(git("rev-list", f"refs/heads/{BRANCH}").split())
    git("fsck", "--strict")


def test_a_git_that_outlives_its_killed_parent_keeps_the_cache_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    ssh = programs / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid.new\nmv {tmp_path}/pid.new {tmp_path}/pid\nexec sleep 600\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    url, cache = "git@host.example.test:deploy.git", tmp_path / "cache"
    program = f"from pathlib import Path; from controlpanel.clients.git import GitRepository; GitRepository({url!r}, Path({str(cache)!r})).fetch()"
    writer = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    _until((tmp_path / "pid").exists)
    gits = descendants(writer.pid)
    writer.kill()
    writer.wait()
    (in_use,) = cache.glob("*.in-use")
    with in_use.open() as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for pid in gits:
            with contextlib.suppress(ProcessLookupError):  # a helper of Git ends with the one that asked it
                os.kill(pid, signal.SIGKILL)
        _until(lambda: _is_free(lock))


def _is_free(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
