"""A bare copy of one repository, shared by threads and processes, and worth nothing: whatever looks wrong is wiped.

A file lock beside it is held shared while reading and exclusive while writing. Children inherit it, so a git that
outlives its killed parent still keeps others out. So a `*.lock` of git's own that stops a writer was left by a killed git,
and the copy is wiped like any other that fails.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controlpanel.clients.errors import GitError
from controlpanel.clients.git_address import Address

_POLL_SECONDS = 0.01


class GitCache:
    """Where the copy lies and who may touch it."""

    def __init__(self, root: Path, address: Address, timeout: float) -> None:
        name = hashlib.sha256(address.url.encode()).hexdigest()[:24]
        self.directory = root / f"{name}.git"
        self.configuration = root / f"{name}.config"
        self._lock_file = root / f"{name}.in-use"
        self._address = address
        self._timeout = timeout

    @contextmanager
    def reading(self) -> Iterator[int]:
        """Hold it against wiping; yields the lock's file descriptor for children."""
        with self._locked(fcntl.LOCK_SH) as descriptor:
            yield descriptor

    @contextmanager
    def writing(self) -> Iterator[int]:
        """Hold it alone; yields the lock's file descriptor for children."""
        with self._locked(fcntl.LOCK_EX) as descriptor:
            yield descriptor

    def exists(self) -> bool:
        return (self.directory / "HEAD").is_file() and (self.directory / "objects").is_dir()

    def wipe(self) -> None:
        """Remove the copy. Only while writing."""
        if not self.directory.exists():
            return
        doomed = self.directory.with_name(f"{self.directory.name}.{os.urandom(4).hex()}.old")
        self.directory.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    @contextmanager
    def _locked(self, kind: int) -> Iterator[int]:
        descriptor = self._open()
        try:
            self._acquire(descriptor, kind)
            yield descriptor
        finally:
            os.close(descriptor)  # gives up our hold; a child that still runs keeps its own

    def _open(self) -> int:
        try:
            self._lock_file.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise GitError(
                f"Copies of repositories cannot be kept in {self._lock_file.parent}: {error.strerror}.",
                "Set CACHE_DIRECTORY to a folder that the panel's processes may write.",
            ) from error

    def _acquire(self, descriptor: int, kind: int) -> None:
        """flock knows no time limit, and a stopped process may hold it for ever."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL_SECONDS)
        raise GitError(
            f"The cache of {self._address} was in use for more than {self._timeout:g} s.",
            "It is tried again; if this stays, look for a stopped process of the panel.",
        )
