"""As many requests at once as there are connections to the database; the rest wait for their turn instead of failing."""

from __future__ import annotations

import asyncio
from typing import Any

from controlpanel.core.bounded import Application, Message, Receive, Send

AT_ONCE_WITHOUT = ("/static/", "/healthz", "/readyz")
"""Beginnings of paths that are answered at once: they need no connection, or tell how the panel is."""


class Turns:
    """Wraps an ASGI application. A request takes its turn when its body is here, so that a slow sender keeps nobody
    waiting, and gives it back when its answer begins, so that a stream does not either. First come, first served."""

    def __init__(self, application: Application, at_once: int) -> None:
        self._application, self._turns = application, asyncio.Semaphore(at_once)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(AT_ONCE_WITHOUT):
            await self._application(scope, receive, send)
            return
        has_turn = False

        def give_back() -> None:
            nonlocal has_turn
            if has_turn:
                has_turn = False
                self._turns.release()

        async def received() -> Message:
            nonlocal has_turn
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body"):
                await self._turns.acquire()
                has_turn = True
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                give_back()
            await send(message)

        try:
            await self._application(scope, received, sent)
        finally:
            give_back()
