"""What a check of `checkup` says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import urlsplit

SKEW_SECONDS = 5.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Level(StrEnum):
    """How a check ended; only `fail` stops promotions."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do."""

    level: Level
    subject: str
    sentence: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.level.value:4}  {self.subject}: {self.sentence} {self.remedy}".rstrip()


Found = Iterator[tuple[Level, str, str]]
"""What one check yields: how it went, what was found, what to do."""


def ok(sentence: str) -> tuple[Level, str, str]:
    """Nothing to do here."""
    return Level.OK, sentence, ""


def clock(theirs: datetime) -> Found:
    """A warning where a server's clock and this machine's are apart."""
    skew = (datetime.now(UTC) - theirs).total_seconds()
    if abs(skew) > SKEW_SECONDS:
        words = f"Its clock and this machine's are {abs(skew):.0f} s apart."
        yield Level.WARN, words, "Let both follow a time server (NTP)."


def plain_http(name: str, url: str) -> Found:
    """A warning where an address is plain http and leads to another machine."""
    if url.startswith("http://") and urlsplit(url).hostname not in LOOPBACK:
        yield Level.WARN, f"{name} is plain http: passwords and tokens travel unprotected.", "Use https."
