"""Plain reads of pages go to Django in a thread, all the way; everything else goes through its asynchronous handler.

Django's pages are synchronous. Its asynchronous handler starts a thread for each request and hops between it and the event
loop several times, which costs more than twice what most pages do: two hundred browsers that read their part of a page
anew would wait for that. Streams, the API, which waits for rendering, and whatever has a body stay asynchronous.
"""

from __future__ import annotations

from typing import Any

from controlpanel.core.bounded import Application, Receive, Send

ASYNCHRONOUS = ("/api/", "/events", "/audit/export", "/static/", "/healthz", "/readyz")
"""Beginnings of paths that wait, stream, or must answer while all threads are busy."""
BODY = frozenset({b"content-length", b"transfer-encoding"})


class Bridge:
    """Wraps two ASGI applications that hold the same panel: one that runs in threads, one that does not."""

    def __init__(self, threads: Application, asynchronous: Application) -> None:
        self._threads, self._asynchronous = threads, asynchronous

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        application = self._threads if is_plain_read(scope) else self._asynchronous
        await application(scope, receive, send)


def is_plain_read(scope: dict[str, Any]) -> bool:
    """A GET or HEAD of a page, without a body; one that WSGI could read in two ways is none."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    if scope["path"].startswith(ASYNCHRONOUS) or not scope["query_string"].isascii():
        return False
    # In WSGI a header x_y would be taken for x-y; Django's asynchronous handler leaves such headers out.
    return not any(name in BODY or b"_" in name for name, _ in scope["headers"])
