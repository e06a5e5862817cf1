"""Asks somebody else's service for a verdict: one signed POST, followed nowhere, bounded in time and size.

The request is signed as Standard Webhooks does (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,…` over
`<id>.<timestamp>.<body>`), so that the receiver knows it is ours and how old it is. Address and secret come from the process
environment by name, never from a request.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from controlpanel.clients import errors
from controlpanel.clients.standard_webhooks import signed

TIMEOUT = httpx.Timeout(10.0, connect=3.0)
MOST_SECONDS = 10.0
MOST_BYTES = 64 * 1024
MOST_REASON = 500
VERDICTS = ("pass", "wait", "block")
SYSTEM = "The external check"


@dataclass(frozen=True)
class Verdict:
    """What it says: one of `VERDICTS`, why, and when it opens by itself."""

    verdict: str
    reason: str
    opens_at: datetime | None = None


def ask(
    url: str, secret: str, document: Mapping[str, Any], *, identifier: str, transport: httpx.BaseTransport | None = None
) -> Verdict:
    """Send the document and read the verdict. Raises `ClientError` whose sentence repeats neither address nor answer."""
    body = json.dumps(document, ensure_ascii=False, sort_keys=True).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "control-panel"}
    headers |= signed(secret, of="the external check", identifier=identifier, at=int(time.time()), body=body)
    try:
        with (
            httpx.Client(timeout=TIMEOUT, follow_redirects=False, transport=transport, trust_env=False) as client,
            client.stream("POST", _checked(url), content=body, headers=headers) as response,
        ):
            if response.status_code != 200:
                words = " Redirects are not followed." if response.is_redirect else ""
                raise errors.Ambiguous(f"{SYSTEM} answered {response.status_code}.{words}", "See its own log.")
            return _verdict(_bounded(response))
    except httpx.HTTPError as error:  # not chained: it holds the request, and its address may be a secret
        raise errors.from_transport(error, system=SYSTEM, what="give a verdict") from None


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise errors.Invalid("The address of the external check is not usable.", "Give it as https://host[:port]/path.")
    return url


def _bounded(response: httpx.Response) -> bytes:
    deadline, received = time.monotonic() + MOST_SECONDS, b""
    for chunk in response.iter_bytes():
        received += chunk
        if len(received) > MOST_BYTES or time.monotonic() > deadline:
            raise errors.Ambiguous(f"{SYSTEM} says too much, or too slowly.", "A short JSON document is enough.")
    return received


def _verdict(body: bytes) -> Verdict:
    try:
        told = json.loads(body)
        verdict, reason = told["verdict"], str(told.get("reason", "")).strip()
        opens = datetime.fromisoformat(told["opens_at"]) if told.get("opens_at") else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        verdict, reason, opens = None, "", None
    if verdict not in VERDICTS or (opens is not None and opens.tzinfo is None):
        said = f"{SYSTEM} gave no verdict."
        raise errors.Ambiguous(said, 'It has to answer {"verdict": "pass", "wait" or "block", "reason": "…"}.')
    clean = "".join(letter if letter.isprintable() else " " for letter in reason)[:MOST_REASON]
    return Verdict(verdict, clean or f"{SYSTEM} says {verdict}.", opens)
