"""Time that can run faster: real clock readings, delays divided by the speed."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime

UNITS = {"ms": 0.001, "h": 3600, "m": 60, "s": 1}


def stamp(epoch: float) -> str:
    """Seconds since the epoch as Kubernetes writes times: RFC 3339 in whole seconds, UTC."""
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch_of(text: str) -> float:
    """The inverse of `stamp`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def go_duration(text: str) -> float:
    """Seconds of a Go duration such as `1h30m`."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|[hms])", text))


def nanosecond_stamp() -> str:
    """The present as Argo CD writes it where it keeps nanoseconds (log lines, refresh annotations)."""
    nanoseconds = time.time_ns()
    return f"{stamp(nanoseconds // 10**9)[:-1]}.{nanoseconds % 10**9:09d}Z"


class Clock:
    """The real time of day; every delay (in seconds) is divided by `speed`."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.skew = 0.0
        """How many seconds the times that are shown lie ahead; what is due is counted without it."""

    def epoch(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def wall(self) -> float:
        """Seconds since the epoch as this Argo CD believes them to be."""
        return self.epoch() + self.skew

    def stamp(self) -> str:
        """The present in whole seconds, as this Argo CD believes it to be."""
        return stamp(self.wall())

    def due(self, seconds: float) -> float:
        """The epoch time at which a delay that starts now ends."""
        return self.epoch() + seconds / self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait, faster at a higher speed."""
        await asyncio.sleep(seconds / self.speed)
