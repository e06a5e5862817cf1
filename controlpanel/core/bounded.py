"""Bodies of requests are bounded before Django keeps them: it writes the whole of one to disk, whoever sends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

NO_BODY: Message = {"type": "http.request", "body": b"", "more_body": False}
HUNG_UP: Message = {"type": "http.disconnect"}


class BoundedBodies:
    """Wraps an ASGI application. Of a body that says it is longer than `limit` bytes nothing is read, so that Django
    answers 413 or 400 by its length; one that grows longer without saying so ends as if the client had hung up."""

    def __init__(self, application: Application, limit: int) -> None:
        self._application, self._limit = application, limit

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            receive = _nothing_of(receive) if _said(scope) > self._limit else _at_most(self._limit, receive)
        await self._application(scope, receive, send)


def _said(scope: dict[str, Any]) -> int:
    found = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(found) if found.isdigit() else 0


def _nothing_of(receive: Receive) -> Receive:
    asked = False

    async def bounded() -> Message:
        nonlocal asked
        if not asked:
            asked = True
            return NO_BODY
        while (message := await receive())["type"] == "http.request":
            pass  # the rest of the body is thrown away; what is waited for is the end of the connection
        return message

    return bounded


def _at_most(limit: int, receive: Receive) -> Receive:
    left = limit

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else HUNG_UP

    return bounded
