"""One loop and one heap of due times for every moving part, however many there are."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable

from sandbox.clock import Clock

Step = Callable[[str], float | None]
"""Does what is due for one name and returns the epoch time at which it wants to run again, or None."""

logger = logging.getLogger(__name__)
RETRY_SECONDS = 5.0


class Scheduler:
    """Runs steps at their due times. A (kind, name) has one due time: the earliest that was asked for."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._steps: dict[str, Step] = {}
        self._heap: list[tuple[float, int, tuple[str, str]]] = []
        self._due: dict[tuple[str, str], float] = {}
        self._sequence = itertools.count()
        self._changed = asyncio.Event()
        self._stopped = False

    def register(self, kind: str, step: Step) -> None:
        """Give the step that runs for every name of this kind."""
        self._steps[kind] = step

    def wake(self, kind: str, name: str, seconds: float = 0.0) -> None:
        """Run the step of this name after so many (scaled) seconds, or earlier if it is due earlier."""
        self.wake_at(kind, name, self.clock.due(seconds))

    def wake_at(self, kind: str, name: str, due: float) -> None:
        """Run the step of this name at this epoch time, or earlier if it is due earlier."""
        key = (kind, name)
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._sequence), key))
        self._changed.set()

    async def run(self) -> None:
        """Run due steps until `stop`, letting requests in between."""
        while not self._stopped:
            self._changed.clear()
            self._run_due(limit=50)
            await self._wait()

    def stop(self) -> None:
        """Let `run` return. A cancellation may be lost in the moment in which something becomes due (`asyncio.wait_for`)."""
        self._stopped = True
        self._changed.set()

    def _run_due(self, limit: int) -> None:
        while self._heap and limit and self._heap[0][0] <= self.clock.epoch():
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) != due:
                continue  # replaced by an earlier time meanwhile
            del self._due[key]
            self._run_one(key)
            limit -= 1

    def _run_one(self, key: tuple[str, str]) -> None:
        kind, name = key
        try:
            again = self._steps[kind](name)
        except Exception:
            logger.exception("step failed, it is tried again kind=%s name=%s seconds=%s", kind, name, RETRY_SECONDS)
            again = self.clock.due(RETRY_SECONDS)
        if again is not None:
            self.wake_at(kind, name, again)

    async def _wait(self) -> None:
        if not self._heap:
            await self._changed.wait()
            return
        seconds = self._heap[0][0] - self.clock.epoch()
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return
