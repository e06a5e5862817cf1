"""Nobody fills the disk or the memory of the web process by sending."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest

from controlpanel.core.bounded import BoundedBodies

LIMIT = 1000


class Server:
    """Plays a web server that has a request, and an application that reads its body to the end."""

    def __init__(self, *chunks: bytes, length: int | None = None) -> None:
        self.chunks, self.handed_out = list(chunks), 0
        self.headers = [] if length is None else [(b"content-length", str(length).encode())]
        self.body, self.ended_by = b"", ""

    async def receive(self) -> MutableMapping[str, Any]:
        if not self.chunks:
            return {"type": "http.disconnect"}
        chunk = self.chunks.pop(0)
        self.handed_out += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks)}

    async def _read(self, receive: Any) -> AsyncIterator[bytes]:
        while True:
            message = await receive()
            self.ended_by = message["type"]
            if message["type"] == "http.disconnect":
                return
            yield message["body"]
            if not message["more_body"]:
                return

    async def ask(self) -> Server:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            self.body = b"".join([chunk async for chunk in self._read(receive)])

        async def send(message: Any) -> None:
            raise AssertionError("Nothing is answered here.")

        await BoundedBodies(application, LIMIT)({"type": "http", "headers": self.headers}, self.receive, send)
        return self


async def test_a_body_within_the_limit_arrives_whole() -> None:
    asked = await Server(b"a" * 600, b"b" * 400, length=1000).ask()
    assert (asked.body, asked.ended_by) == (b"a" * 600 + b"b" * 400, "http.request")


async def test_nothing_is_read_of_a_body_that_says_it_is_too_long() -> None:
    asked = await Server(b"a" * 600, b"b" * 401, length=1001).ask()
    assert (asked.body, asked.handed_out, asked.ended_by) == (b"", 0, "http.request")


@pytest.mark.parametrize("length", [None, 10])
async def test_a_body_that_grows_too_long_ends_as_if_the_client_hung_up(length: int | None) -> None:
    asked = await Server(*[b"a" * 300] * 1000, length=length).ask()
    assert (len(asked.body), asked.handed_out, asked.ended_by) == (900, 1200, "http.disconnect")


async def test_the_end_of_the_connection_is_heard_behind_a_body_that_was_not_read() -> None:
    heard = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        heard.extend([await receive(), await receive()])

    server = Server(b"a" * 900, b"a" * 900, length=1800)
    await BoundedBodies(application, LIMIT)({"type": "http", "headers": server.headers}, server.receive, lambda _: None)  # type: ignore[arg-type,return-value]
    assert [message["type"] for message in heard] == ["http.request", "http.disconnect"]
