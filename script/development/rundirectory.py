"""The run directory: one live server at a time, and nothing left of one that died."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from script.development import postgres, processes
from script.development.errors import CannotGoOn

KEPT_ON_RESET = ("server.lock",)


class RunDirectory:
    """`.run`, held by one supervisor for as long as it lives; the kernel frees it when that dies, however it dies."""

    def __init__(self, path: Path) -> None:
        """Take the directory. Raises `CannotGoOn` when a live server holds it or it is not ours to write."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o711)  # PostgreSQL passes through as another account
            self._lock = (path / "server.lock").open("a+")
        except PermissionError:
            raise CannotGoOn(f"{path} belongs to another account. Remove it as that account: rm -r {path}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise CannotGoOn(_already_running(path)) from None
        self.describe({"process": os.getpid()})

    def close(self) -> None:
        """Let the directory go."""
        self._lock.close()

    def describe(self, facts: Mapping[str, object]) -> None:
        """Write down what a second start should know about us."""
        self._lock.truncate(0)
        self._lock.write(json.dumps(facts))
        self._lock.flush()

    def clean_up(self, data: Path) -> int:
        """End what an earlier server left running, the one that serves `data` included; return how many there were."""
        left = set(processes.marked(self.path))
        if (server := postgres.served_by(data)) is not None:
            left.add(server)
        processes.end(left)
        return len(left)

    def empty(self, data: Path) -> None:
        """Remove everything that was kept, the database included."""
        shutil.rmtree(data, ignore_errors=True)
        for entry in self.path.iterdir():
            if entry.name in KEPT_ON_RESET:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def is_live(path: Path) -> bool:
    """Whether a server holds the run directory now."""
    try:
        with (path / "server.lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def holder_of(path: Path) -> int | None:
    """The process of the server that holds the run directory, as it wrote it down."""
    process = _facts(path).get("process")
    return process if isinstance(process, int) else None


def _facts(path: Path) -> dict[str, object]:
    try:
        facts = json.loads((path / "server.lock").read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _already_running(path: Path) -> str:
    facts = _facts(path)
    where = f"at {facts['url']}" if "url" in facts else "and starting"
    return f"script/server is already running {where} (process {facts.get('process', 'unknown')}). Stop that one first."
