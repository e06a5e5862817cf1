"""Sources lie in memory where there is room, and nothing is left behind for long."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.renderers import workplace as module
from deployments.renderers.workplace import FORGOTTEN_SECONDS, ROOM, workplace


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    place = tmp_path / "shm"
    place.mkdir()
    monkeypatch.setattr(module, "IN_MEMORY", place)
    monkeypatch.delenv("TMPDIR", raising=False)
    module._place.cache_clear()
    yield place
    module._place.cache_clear()


def test_sources_lie_in_memory_and_are_gone_afterwards(memory: Path) -> None:
    with workplace() as name:
        assert Path(name).parent == memory
        assert Path(name).stat().st_mode & 0o077 == 0, "others may read it"
    assert list(memory.iterdir()) == []


@pytest.mark.parametrize("reason", ["too full", "not there", "TMPDIR is set"])
def test_they_lie_on_disk_where_memory_is_no_place(memory: Path, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if reason == "too full":
        facts = os.statvfs(memory)
        monkeypatch.setattr(module, "ROOM", facts.f_bavail * facts.f_frsize + ROOM * 1024)
    elif reason == "not there":
        memory.rmdir()
    else:
        monkeypatch.setenv("TMPDIR", tempfile.gettempdir())
    with workplace() as name:
        assert Path(name).parent == Path(tempfile.gettempdir())


def test_what_a_killed_process_left_is_removed_after_an_hour(memory: Path) -> None:
    old, young, foreign = memory / "render-old", memory / "render-young", memory / "other-old"
    for directory in (old, young, foreign):
        (directory / "folder").mkdir(parents=True)
        if directory != young:
            long_ago = time.time() - FORGOTTEN_SECONDS - 60
            os.utime(directory, (long_ago, long_ago))
    with workplace():
        assert not old.exists()
        assert young.exists() and foreign.exists()
