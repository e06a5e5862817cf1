"""Writing down what a stream says without holding it up: while the database is busy, changes gather and the newest of each counts.

Argo CD forgets changes for a reader that is slow, so the stream is read on whatever the writing takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

from django.db import connection

from controlpanel.clients.argocd_models import Application

GATHERING_SECONDS = 0.2
"""The least time between two writings: one costs as much for a hundred changes as for one. What comes after a rest is
written at once."""
Write = Callable[[Collection[Application]], None]


class Batches:
    """A thread that calls `write` with all that has gathered since it last did. As a context: the rest is written at the end."""

    def __init__(self, write: Write, name: str) -> None:
        self._write = write
        self._gathered: dict[str, Application] = {}
        self._changed = threading.Condition()
        self._is_over = self._is_writing = self._is_awaited = False
        self._wrote_at = float("-inf")
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join()
        if error is None:
            self.check()

    def put(self, read: Application) -> None:
        """Have it written soon; of the same Application only the newest that waits is."""
        with self._changed:
            waiting = self._gathered.get(read.name)
            if waiting is None or waiting.resource_version <= read.resource_version:
                self._gathered[read.name] = read
            self._changed.notify_all()

    def flush(self) -> None:
        """Return when all that was put is written, or raise what kept it from that."""
        with self._changed:
            self._is_awaited = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._gathered or self._is_writing) or self._failure)
            self._is_awaited = False
        self.check()

    def check(self) -> None:
        """Raise what kept `write` from writing; nothing is written any more after that."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while gathered := self._take():
                self._write(gathered.values())
                connection.close()  # back to the pool: a stream may be quiet for long
                self._wrote_at = time.monotonic()
        except Exception as error:  # noqa: BLE001  # raised again in the thread that reads, by `check`
            self._failure = error
        finally:
            connection.close()
            with self._changed:
                self._changed.notify_all()

    def _take(self) -> dict[str, Application]:
        """What has gathered, once there is something; nothing at the end."""
        with self._changed:
            self._is_writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._gathered or self._is_over)
            rest = max(0.0, self._wrote_at + GATHERING_SECONDS - time.monotonic())
            self._changed.wait_for(lambda: self._is_awaited or self._is_over, timeout=rest)
            gathered, self._gathered = self._gathered, {}
            self._is_writing = bool(gathered)
        return gathered
