"""Telling browsers which topics have changed: names and a sequence only, never content.

`publish` speaks inside the current transaction; PostgreSQL delivers on commit. Each web process holds one LISTEN
connection (`Hub`) and hands every change to the streams that asked for its topic. A lost change costs nothing for
long: after a gap each stream is told to read everything once (`RESYNC`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterable
from typing import Any

import psycopg
from django.db import connection, connections

CHANNEL = "live"
RESYNC = "resync"
"""Read every fragment once: something may have been missed."""
TOPIC = re.compile(r"^[a-z]+(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*$")
RECENT_SECONDS = 15.0
"""A change this young is told to a stream that opens now, since its page may have been read before the change."""
CHECK_SECONDS = 30.0
"""How often a silent LISTEN connection is asked whether it is alive."""
HEARD_LIMIT = 2000
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)

logger = logging.getLogger(__name__)


def publish(topic: str) -> None:
    """Tell every web process that `topic` has changed, when the current transaction commits; once for each topic and transaction."""
    if not TOPIC.match(topic):
        raise ValueError(f"{topic!r} is not a topic: use a word and names joined by dots, as promotion.42.")
    with connection.cursor() as cursor:
        # Equal payloads of one transaction are delivered once, so the transaction's number is the sequence.
        cursor.execute(
            "SELECT pg_notify(%s, json_build_object('topic', %s::text, 'sequence', txid_current())::text)",
            [CHANNEL, topic],
        )


_heard: dict[int, float] = {}
"""Sequence → when this process first heard of it, for as long as a reader may still ask."""


def heard_at(sequence: int) -> float | None:
    """When this process heard of a change (monotonic seconds), None where it did not or has forgotten."""
    return _heard.get(sequence)


def _remember(sequence: int, now: float) -> None:
    _heard.setdefault(sequence, now)
    while len(_heard) > HEARD_LIMIT:
        _heard.pop(next(iter(_heard)), None)


class Stream:
    """One browser's stream: what it asked for and what it has not been told yet. Lives in one event loop."""

    def __init__(self, topics: Iterable[str], *, user_id: Any = None, session_key: str | None = None) -> None:
        self.topics = frozenset(topics)
        self.user_id, self.session_key = user_id, session_key
        self.is_open = True
        self.signed_out = False
        self._waiting: dict[str, int] = {}
        self._bell = asyncio.Event()

    def tell(self, topic: str, sequence: int) -> None:
        """Note a change; the last one of a topic wins, so that a slow reader never makes a queue grow."""
        if topic == RESYNC or topic in self.topics:
            self._waiting[topic] = sequence
            self._bell.set()

    def close(self, *, signed_out: bool = False) -> None:
        """End the stream; `signed_out` tells the page why."""
        self.is_open, self.signed_out = False, signed_out
        self._bell.set()

    async def changes(self, timeout: float) -> dict[str, int]:
        """What changed since the last call, by topic; empty after `timeout` seconds of silence or at the end."""
        try:
            await asyncio.wait_for(self._bell.wait(), timeout)
        except TimeoutError:
            return {}
        self._bell.clear()
        waiting, self._waiting = self._waiting, {}
        return waiting


class Hub:
    """One LISTEN connection of this process and event loop, fanned out to its streams."""

    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self.is_listening = asyncio.Event()
        self.is_closing = False
        self._task: asyncio.Task[None] | None = None
        self._recent: dict[str, tuple[int, float]] = {}
        self._listening_since = 0.0

    async def add(self, stream: Stream, *, patience: float = 2.0) -> None:
        """Let a stream hear; tells it at once what its page may have missed."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen_for_ever(), name="live-listen")
        self.streams.add(stream)
        try:
            await asyncio.wait_for(self.is_listening.wait(), patience)
        except TimeoutError:
            logger.warning("live.listen_is_late")
        self._tell_recent(stream)
        if self.is_closing:
            stream.close()

    def remove(self, stream: Stream) -> None:
        """Forget a stream that ended."""
        self.streams.discard(stream)

    def close(self) -> None:
        """End every stream; for the end of the process."""
        self.is_closing = True
        for stream in tuple(self.streams):
            stream.close()
        if self._task is not None:
            self._task.cancel()

    def hand_out(self, topic: str, sequence: int) -> None:
        """Tell every stream that asked for the topic."""
        now = time.monotonic()
        if topic != RESYNC:
            self._recent = {name: seen for name, seen in self._recent.items() if now - seen[1] < RECENT_SECONDS}
            self._recent[topic] = (sequence, now)
            _remember(sequence, now)
        for stream in tuple(self.streams):
            stream.tell(topic, sequence)

    def _tell_recent(self, stream: Stream) -> None:
        now = time.monotonic()
        if not self.is_listening.is_set() or now - self._listening_since < RECENT_SECONDS:
            stream.tell(RESYNC, 0)
        for topic, (sequence, seen) in self._recent.items():
            if now - seen < RECENT_SECONDS:
                stream.tell(topic, sequence)

    async def _listen_for_ever(self) -> None:
        attempt = 0
        while not self.is_closing:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                attempt = 0 if self.is_listening.is_set() else attempt + 1
                logger.warning("live.listen_lost", extra={"cause": type(error).__name__, "retry_seconds": pause})
                self.is_listening.clear()
                await asyncio.sleep(pause)

    async def _listen(self) -> None:
        """Listen until the connection breaks; raises psycopg's error then."""
        async with await psycopg.AsyncConnection.connect(autocommit=True, **connection_parameters()) as listener:
            await listener.execute(f"LISTEN {CHANNEL}")
            self._listening_since = time.monotonic()
            self.is_listening.set()
            self.hand_out(RESYNC, 0)
            while True:
                async for notice in listener.notifies(timeout=CHECK_SECONDS):
                    self._hear(notice.payload)
                await listener.execute("SELECT 1")

    def _hear(self, payload: str) -> None:
        try:
            told = json.loads(payload)
            topic, sequence = str(told["topic"]), int(told.get("sequence", 0))
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.warning("live.payload_not_understood")
            return
        self.hand_out(topic, sequence)


def connection_parameters() -> dict[str, Any]:
    """The default database's address for a connection of our own, outside Django's pool."""
    known = ("dbname", "user", "password", "host", "port", "service", "passfile")
    wanted = connections["default"].get_connection_params()
    return {
        name: value for name, value in wanted.items() if name in known or name.startswith(("ssl", "connect_", "keepalive", "tcp_", "target_"))
    } | {"application_name": "control-panel live"}  # fmt: skip
