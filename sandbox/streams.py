"""The application stream: a snapshot first, then every change, as lines or as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from sandbox.documents import Document
from sandbox.envelope import STATUS, ApiError, stream_error
from sandbox.fault_requests import reset
from sandbox.fault_streams import StreamCut, StreamFaults

BUFFER = 1000
"""Messages kept for a slow reader; what comes after is dropped silently, as Argo CD does."""
HEARTBEAT_SECONDS = 15.0
CUT_SECONDS = 0.05
"""What was written has this long to leave before the connection is reset."""


class Subscriber:
    """One reader: which Applications it sees, and the messages that wait for it."""

    def __init__(self, sees: Callable[[Document], bool]) -> None:
        self.sees = sees
        self.queue: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue(BUFFER)
        self._last: dict[str, str] = {}

    def offer(self, kind: str, application: Document, text: str) -> None:
        """Queue a change that this reader sees; an equal message twice in a row is left out."""
        if not self.sees(application):
            return
        name = application["metadata"]["name"]
        if self._last.get(name) == text:
            return
        self._last[name] = text
        if not self.queue.full():
            self.queue.put_nowait((name, text))


class Hub:
    """Passes changes of Applications to every reader."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self.closing = asyncio.Event()

    @property
    def watched(self) -> bool:
        """Whether anybody reads."""
        return bool(self._subscribers)

    def publish(self, kind: str, application: Document) -> None:
        """Tell every reader; `kind` is ADDED, MODIFIED or DELETED."""
        if not self._subscribers:
            return
        text = encode(kind, application)
        for subscriber in list(self._subscribers):
            subscriber.offer(kind, application, text)

    def subscribe(self, subscriber: Subscriber) -> None:
        """From now on this reader gets every change that it sees."""
        self._subscribers.add(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """The reader is gone."""
        self._subscribers.discard(subscriber)

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self.closing.set()
        self.drop()

    def drop(self) -> None:
        """End every stream of Applications that is open now."""
        for subscriber in self._subscribers:
            while subscriber.queue.full():
                subscriber.queue.get_nowait()
            subscriber.queue.put_nowait(None)


def encode(kind: str, application: Document) -> str:
    """One message of the stream, without line ends."""
    return json.dumps({"result": {"type": kind, "application": application}}, separators=(",", ":"))


def filtered(text: str, fields: str | None) -> str:
    """The message reduced to these comma-separated paths (`-` in front takes the paths away instead)."""
    if not fields:
        return text
    document, excluded = json.loads(text), fields.startswith("-")
    paths = [path.split(".") for path in fields.removeprefix("-").split(",")]
    if excluded:
        for path in paths:
            _remove(document, path)
        return json.dumps(document, separators=(",", ":"))
    kept: Document = {}
    for path in paths:
        _keep(document, kept, path)
    return json.dumps(kept, separators=(",", ":"))


def _remove(document: Any, path: list[str]) -> None:
    for key in path[:-1]:
        document = document.get(key) if isinstance(document, dict) else None
    if isinstance(document, dict):
        document.pop(path[-1], None)


def _keep(document: Any, kept: Document, path: list[str]) -> None:
    for position, key in enumerate(path):
        if not isinstance(document, dict) or key not in document:
            return
        document = document[key]
        if position == len(path) - 1:
            kept[key] = document
        else:
            kept = kept.setdefault(key, {})


class EventStream:
    """An ASGI answer whose headers leave with the first message; `:` every 15 s in server-sent events."""

    def __init__(
        self, messages: AsyncIterator[str], server_sent: bool, heartbeat: float = HEARTBEAT_SECONDS,
        faults: StreamFaults | None = None,
    ) -> None:  # fmt: skip
        self.messages = messages
        self.faults = faults
        self.server_sent = server_sent
        self.heartbeat = heartbeat
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        writer = asyncio.create_task(self._write_until_cut(scope, send))
        listener = asyncio.create_task(self._listen(receive))
        try:
            await asyncio.wait({writer, listener}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.cancel()
            listener.cancel()
            await asyncio.gather(writer, listener, return_exceptions=True)
        if not writer.cancelled() and (error := writer.exception()):
            raise error

    @staticmethod
    async def _listen(receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue

    async def _write_until_cut(self, scope: Scope, send: Send) -> None:
        lock = asyncio.Lock()
        writers = [asyncio.create_task(self._write(send, lock))]
        if self.server_sent:
            writers.append(asyncio.create_task(self._beat(send, lock)))
        try:
            done, _ = await asyncio.wait(writers, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except StreamCut as cut:
            await self._send(send, (f"data: {cut.part}" if self.server_sent and cut.part else cut.part).encode())
            await asyncio.sleep(CUT_SECONDS)
            reset(scope)
        finally:
            for task in writers:
                task.cancel()
            await asyncio.gather(*writers, return_exceptions=True)

    async def _write(self, send: Send, lock: asyncio.Lock) -> None:
        try:
            async for message in self.messages:
                frame = f"data: {message} \n\n\n" if self.server_sent else f"{message}\n"
                async with lock:
                    await self._send(send, frame.encode())
        except ApiError as error:
            await self._send(send, stream_error(error), error)
        if not self._started:
            await self._start(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _beat(self, send: Send, lock: asyncio.Lock) -> None:
        while True:
            await asyncio.sleep(self.heartbeat)
            if self._started and (self.faults is None or self.faults.beats()):
                async with lock:
                    await self._send(send, b":\n")

    async def _send(self, send: Send, body: bytes, error: ApiError | None = None) -> None:
        if not self._started:
            await self._start(send, error)
        await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _start(self, send: Send, error: ApiError | None = None) -> None:
        self._started = True
        kind = b"text/event-stream" if self.server_sent and not error else b"application/json"
        headers = [(b"content-type", kind)]
        if not error:
            headers.append((b"grpc-metadata-content-type", b"application/grpc"))
        await send({"type": "http.response.start", "status": STATUS[error.code] if error else 200, "headers": headers})
