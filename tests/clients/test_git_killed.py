"""A writer that is killed at any moment, with every git that it started, loses nothing and does nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controlpanel.clients.git import GitRepository
from tests.clients.conftest import AT, AUTHOR, Git
from tests.clients.git_http_server import GitHTTPServer
from tests.clients.git_writer import BRANCH

PROMOTIONS = 12


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
            writer.communicate(timeout=chance.uniform(0.2, 1.0) if kills < 12 else 60)
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
