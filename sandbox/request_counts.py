"""Counts what was asked of the API, so that a client's manners can be measured."""

from __future__ import annotations

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send


class CountedRequests:
    """Middleware around the whole server. A read that asks for a comparison counts apart, as `GET …?refresh`."""

    def __init__(self, app: ASGIApp, counts: Counter[str]) -> None:
        self.app = app
        self.counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            refresh = "?refresh" if b"refresh=" in scope["query_string"] else ""
            self.counts[f"{scope['method']} {scope['path']}{refresh}"] += 1
        await self.app(scope, receive, send)
