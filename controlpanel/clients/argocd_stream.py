"""Argo CD's stream of Applications in SSE mode, the only one with a heartbeat (a comment every 15 s after the first event).

Response headers come with the first event only, so an empty project says nothing at all: that silence is reported as
`StreamSilent(opened=False)` and is no proof that the server is down. Frames of the plain line mode are read too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import httpx

from controlpanel.clients import errors
from controlpanel.clients.argocd_envelope import SYSTEM, json_object, refused
from controlpanel.clients.argocd_json import mapping, text
from controlpanel.clients.argocd_models import Application

STREAM_HEADERS = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
MAX_LINE = 64 * 1024 * 1024


class StreamEvent(NamedTuple):
    """`type` is ADDED, MODIFIED, DELETED, or HEARTBEAT without an Application."""

    type: str
    application: Application | None


HEARTBEAT = StreamEvent("HEARTBEAT", None)


def read_events(client: httpx.Client, request: httpx.Request, *, what: str, heartbeats: bool) -> Iterator[StreamEvent]:
    """Send the request when first iterated, and close it when the iterator is closed."""
    opened = False
    try:
        response = client.send(request, stream=True)
        try:
            opened = True
            if not response.is_success:
                raise refused(response, response.read(), what)
            for line in _lines(response, what):
                event = _event(line, response, what)
                if event is HEARTBEAT and not heartbeats:
                    continue
                if event is not None:
                    yield event
        finally:
            response.close()
    except httpx.ReadTimeout:
        raise errors.StreamSilent(
            f"{SYSTEM} sent nothing for too long while asked to {what}.", "It is opened again.", opened=opened
        ) from None
    except httpx.HTTPError as error:
        raise errors.from_transport(error, system=SYSTEM, what=what) from None


def _lines(response: httpx.Response, what: str) -> Iterator[bytes]:
    """Lines by LF only: JSON text may hold other characters that Python takes for line ends."""
    pending = bytearray()
    for chunk in response.iter_bytes():
        pending += chunk
        if len(pending) > MAX_LINE:
            raise errors.Ambiguous(f"{SYSTEM} sent an endless line while asked to {what}.", "It is opened again.")
        *lines, rest = pending.split(b"\n")
        yield from (bytes(line) for line in lines)
        pending = bytearray(rest)
    if pending.strip():
        yield bytes(pending)


def _event(line: bytes, response: httpx.Response, what: str) -> StreamEvent | None:
    line = line.strip()
    if line.startswith(b":"):
        return HEARTBEAT
    if not line or line.startswith((b"event:", b"id:", b"retry:")):
        return None
    # neither a frame nor a line of JSON: a login page, say; that is no stream
    data = line.removeprefix(b"data:").strip()
    document = json_object(data, what)
    if "error" in document:
        raise refused(response, data, what)
    result = mapping(document, "result")
    if not text(result, "type"):
        return None
    return StreamEvent(text(result, "type"), Application.parse(mapping(result, "application")))
