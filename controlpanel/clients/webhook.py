"""A POST to an address that is a secret itself: it is followed nowhere, bounded, and neither it nor the answer is ever repeated."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from functools import lru_cache

import httpx

from controlpanel.clients import errors

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
MOST_BYTES = 64 * 1024


class Answered(Exception):
    """The receiver did not take it: its `status` (below 200 never), and the seconds after which it wants to be asked again."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__(f"It answered {status}.")
        self.status, self.retry_after = status, retry_after


def post(url: str, body: bytes, headers: Mapping[str, str], *, transport: httpx.BaseTransport | None = None) -> None:
    """Return where the receiver took it (2xx). Raises `Answered`, `Invalid` for a useless address, else `NotSent` or `Ambiguous`."""
    address = _checked(url)
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    deadline = time.monotonic() + READ_SECONDS
    sent = {"Content-Type": "application/json", "User-Agent": "control-panel", **headers}
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False, transport=transport, verify=_authorities()) as client,
            client.stream("POST", address, content=body, headers=sent) as response,
        ):
            if not response.is_success:
                raise Answered(response.status_code, errors.seconds_of(response.headers.get("Retry-After", "")))
            _drain(response, deadline)
    except httpx.HTTPError as error:
        # Not chained: httpx's errors hold the request, and its address may be the secret.
        raise errors.from_transport(error, system="The receiver", what="take a notification") from None


@lru_cache(maxsize=1)
def _authorities() -> ssl.SSLContext:
    """Reading them anew for each message would cost more than the message."""
    return httpx.create_ssl_context()


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise errors.Invalid("The receiver's address is not usable.", "Give it as https://host[:port]/path.")
    return url


def _drain(response: httpx.Response, deadline: float) -> None:
    """Read what it says, so far as it is short; it took the message anyhow."""
    received = 0
    for chunk in response.iter_raw():
        received += len(chunk)
        if received > MOST_BYTES or time.monotonic() > deadline:
            return
