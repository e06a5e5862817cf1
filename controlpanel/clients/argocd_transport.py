"""One way out to Argo CD over HTTP: headers, deadlines, limits, and every failure as one of `errors`."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from controlpanel.clients import errors
from controlpanel.clients.argocd_envelope import SYSTEM, json_object, refused
from controlpanel.clients.argocd_json import Json
from controlpanel.clients.argocd_traffic import Traffic

MAX_BODY_BYTES = 128 * 1024 * 1024

Query = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Timeouts:
    """Seconds. `read` bounds a whole answer, `refresh` one that waits for the controller, `silence` a stream."""

    connect: float = 3.0
    read: float = 10.0
    refresh: float = 20.0
    silence: float = 45.0


class Transport:
    """Sends requests with the token; safe to share between threads."""

    def __init__(
        self,
        server: str,
        token: str,
        *,
        ca_file: str,
        insecure: bool,
        timeouts: Timeouts,
        transport: httpx.BaseTransport | None,
        traffic: Traffic | None = None,
    ) -> None:
        self.server = _checked_server(server)
        self.traffic = traffic or Traffic()
        self.timeouts = timeouts
        self.client = httpx.Client(
            base_url=self.server,
            headers=_headers(token),
            verify=_verification(ca_file, insecure=insecure),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=4, keepalive_expiry=30),
            follow_redirects=False,
            transport=transport,
        )

    def get(
        self,
        what: str,
        path: str,
        query: Query | None = None,
        seconds: float | None = None,
        *,
        only_if_quiet: bool = False,
    ) -> Json:
        """The JSON object that a GET answers. `what` completes "Argo CD refused to …"."""
        return json_object(self.send("GET", what, path, query, seconds=seconds, only_if_quiet=only_if_quiet), what)

    def write(
        self, method: str, what: str, path: str, query: Query, body: Json | None = None, seconds: float | None = None
    ) -> Json:
        """The JSON object that anything but a GET answers."""
        return json_object(self.send(method, what, path, query, body, seconds), what)

    def send(
        self,
        method: str,
        what: str,
        path: str,
        query: Query | None = None,
        body: Json | None = None,
        seconds: float | None = None,
        *,
        only_if_quiet: bool = False,
    ) -> bytes:
        """The body of a successful answer, whole and within `seconds`; everything else is raised.

        At most half of the time is spent on waiting for a place, so that a request that is sent has time to be answered.
        A read that waits for the controller tells nothing of the server when it takes too long.
        """
        seconds = seconds or self.timeouts.read
        deadline = time.monotonic() + seconds
        counts = "refresh" not in (query or {})
        with self.traffic.passage(seconds / 2, what, counts=counts, only_if_quiet=only_if_quiet):
            return self._sent(method, what, path, query, body, deadline)

    def _sent(
        self, method: str, what: str, path: str, query: Query | None, body: Json | None, deadline: float
    ) -> bytes:
        seconds = deadline - time.monotonic()
        content = None if method == "GET" else json.dumps(body or {}).encode()
        headers = {} if method == "GET" else {"Content-Type": "application/json"}
        request = self.request(method, path, query or {}, seconds, headers, content)
        try:
            response = self.client.send(request, stream=True)
            try:
                received = _read_all(response, deadline, what)
            finally:
                response.close()
        except httpx.HTTPError as error:
            # The cause is not chained: httpx's errors hold the request, and the request holds the token.
            raise errors.from_transport(error, system=SYSTEM, what=what) from None
        if not response.is_success:
            raise refused(response, received, what)
        return received

    def date(self, what: str, path: str) -> datetime | None:
        """The `Date` of an answer to a GET."""
        try:
            response = self.client.send(self.request("GET", path, {}, self.timeouts.read, {}))
        except httpx.HTTPError as error:
            raise errors.from_transport(error, system=SYSTEM, what=what) from None
        try:
            said = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return None
        return said if said.tzinfo else said.replace(tzinfo=UTC)  # two proxies may each have put one

    def request(
        self,
        method: str,
        path: str,
        query: Query,
        seconds: float,
        headers: Mapping[str, str],
        content: bytes | None = None,
    ) -> httpx.Request:
        """A request that waits at most `seconds` for each piece of the answer."""
        timeout = httpx.Timeout(
            connect=self.timeouts.connect, read=seconds, write=self.timeouts.read, pool=self.timeouts.connect
        )
        return self.client.build_request(
            method, path, params=dict(query), headers=dict(headers), content=content, timeout=timeout
        )


def _read_all(response: httpx.Response, deadline: float, what: str) -> bytes:
    received = bytearray()
    for chunk in response.iter_bytes():
        received += chunk
        if time.monotonic() > deadline:
            raise errors.Ambiguous(
                f"{SYSTEM} answered too slowly to {what}.", "Look whether it was applied, then try again."
            )
        if len(received) > MAX_BODY_BYTES:
            raise errors.Ambiguous(f"{SYSTEM} answered with too much to {what}.", "Narrow the question.")
    return bytes(received)


def _headers(token: str) -> dict[str, str]:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise errors.Invalid(
            f"The token for {SYSTEM} holds characters that no token has.", "Set it again, without line ends."
        )
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    return {"Accept": "application/json", **authorization}


def _checked_server(server: str) -> str:
    try:
        url = httpx.URL(server)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo or url.query:
        raise errors.Invalid(
            f"The address of {SYSTEM} is not usable.", "Give it as https://host[:port], without credentials."
        )
    return str(url).rstrip("/")


def _verification(ca_file: str, *, insecure: bool) -> ssl.SSLContext | bool:
    if insecure:
        return False
    if not ca_file:
        return True
    try:
        context = ssl.create_default_context(cafile=ca_file)
        # Newer Pythons ask more of a certificate than Argo CD's own, self-signed one has.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context
    except (OSError, ssl.SSLError) as error:
        raise errors.Invalid(
            f"The CA file {ca_file} for {SYSTEM} cannot be read: {error}.", "Give a PEM file."
        ) from error
