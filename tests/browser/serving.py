"""The web process in a thread of the tests, beside rows that they make."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.test import Client
from playwright.sync_api import BrowserContext

from controlpanel.accounts.models import User
from controlpanel.core.views import events
from tests.deployments.views.conftest import Stage

PATIENCE = 10.0
QUIRKS = (
    # WhiteNoise serves its small files from synchronous iterators.
    "ignore:StreamingHttpResponse must consume synchronous iterators",
    # Django leaves the empty body of a request to the collector when its client goes away.
    "ignore:Unclosed file <tempfile.SpooledTemporaryFile:ResourceWarning",
)


class Server:
    """The web process in a thread; can be stopped and started again on its port."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it answers."""
        configuration = uvicorn.Config(
            get_asgi_application(),
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            timeout_graceful_shutdown=1,
            loop="asyncio",
        )
        self._server = uvicorn.Server(configuration)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started, "the server starts")

    def stop(self) -> None:
        """Return when it has ended."""
        for loop, hub in tuple(events.hubs.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(hub.close)
        self._server.should_exit = True
        self._thread.join(PATIENCE)


def until(holds: Callable[[], Any], what: str) -> None:
    """Wait until it holds; raises `AssertionError` after some seconds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"Waited in vain: {what}."
        time.sleep(0.02)


def sign_in(context: BrowserContext, server: Server, user: User) -> None:
    """Without the login page, which has tests of its own."""
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": server.url}])


@dataclass(frozen=True)
class PanelInProcess:
    """A panel that the tests' own rows fill: nothing moves but what they move."""

    server: Server
    stage: Stage

    def sign_in(self, context: BrowserContext) -> None:
        """As Elif, who operates."""
        sign_in(context, self.server, self.stage.elif_)
