"""The seam where faults will be switched on: every request passes here. Now it lets all of them through."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Faults:
    """Middleware around the whole server."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
