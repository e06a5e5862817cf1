"""A small HTTP service that is asked now and then: deadlines, a bound on what it may answer, no redirects, typed errors.

The address comes from the process environment and may carry user and password, which leave it at once for a header.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from controlpanel.clients import errors
from controlpanel.clients.argocd_json import storable
from controlpanel.clients.credentials_in_text import without_credentials

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
MOST_BYTES = 8 * 1024 * 1024
MOST_AT_ONCE = 16


@dataclass(frozen=True)
class Answer:
    """What a server said, a refusal too: `text` without credentials and in one line, `seconds` until its end."""

    status: int
    text: str
    seconds: float

    @property
    def is_success(self) -> bool:
        """Whether it is one of 200 to 299."""
        return 200 <= self.status < 300


class Endpoint:
    """One address of one system; safe to share between threads."""

    def __init__(self, system: str, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        """`system` is how sentences call it. Raises `Invalid` for an address that nobody can ask."""
        self.system = system
        self.url, credentials = _checked(system, url)
        self._client = httpx.Client(
            auth=credentials,
            headers={"Accept": "application/json, text/plain;q=0.5"},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=4, keepalive_expiry=30),
            follow_redirects=False,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"Endpoint({self.system!r}, {self.url!r})"

    def close(self) -> None:
        self._client.close()

    def get(
        self, what: str, path: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """The whole body of a successful answer. `what` completes “… refused to …”."""
        return self._sent(what, "GET", path, params=dict(query or {}), headers=dict(headers or {}))

    def post(self, what: str, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> bytes:
        """The whole body of a successful answer to a JSON object."""
        return self._sent(what, "POST", path, json=body, headers=dict(headers or {}))

    def ask(self, what: str, path: str, form: Mapping[str, str]) -> bytes:
        """The whole body of a successful answer to a form, for questions too long for an address."""
        return self._sent(what, "POST", path, data=dict(form))

    def exchange(
        self, what: str, method: str, path: str, *, body: Mapping[str, Any] | None = None, headers: Mapping[str, str]
    ) -> Answer:
        """The answer whatever it says, as evidence. Raises `ClientError` where none came."""
        began = time.monotonic()
        response, received = self._received(what, method, path, json=body, headers=dict(headers))
        text = without_credentials(" ".join(_plain(received).split()))
        return Answer(response.status_code, text, time.monotonic() - began)

    def _sent(self, what: str, method: str, path: str, **options: Any) -> bytes:
        response, received = self._received(what, method, path, **options)
        if not response.is_success:
            raise errors.from_response(
                system=self.system, what=what, status=response.status_code, text=_plain(received),
                retry_after=response.headers.get("Retry-After", ""),
            )  # fmt: skip
        return received

    def _received(self, what: str, method: str, path: str, **options: Any) -> tuple[httpx.Response, bytes]:
        deadline = time.monotonic() + READ_SECONDS
        try:
            with self._client.stream(method, f"{self.url}{path}", **options) as response:
                return response, self._read(response, what, deadline)
        except httpx.HTTPError as error:
            # Not chained: httpx's errors hold the request, and the request holds the password.
            raise errors.from_transport(error, system=self.system, what=what) from None

    def _read(self, response: httpx.Response, what: str, deadline: float) -> bytes:
        received = bytearray()
        for chunk in response.iter_bytes():
            received += chunk
            if time.monotonic() > deadline:
                raise errors.Ambiguous(f"{self.system} answered too slowly to {what}.", "It is asked again.")
            if len(received) > MOST_BYTES:
                raise errors.Ambiguous(f"{self.system} answered with too much to {what}.", "Narrow the question.")
        return bytes(received)


def _plain(body: bytes) -> str:
    """What a refusal says, where it is no page for a browser."""
    said = storable(body[:500].decode(errors="replace")).strip()
    return "" if said.startswith("<") else said


def _checked(system: str, url: str) -> tuple[str, tuple[str, str] | None]:
    """The address without its credentials, and these."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.query or parsed.fragment:
        raise errors.Invalid(f"The address of {system} is not usable.", "Give it as https://host[:port][/path].")
    credentials = (parsed.username, parsed.password) if parsed.userinfo else None
    return str(parsed.copy_with(username=None, password=None)).rstrip("/"), credentials
