"""The external check: what is sent can be told to be ours, and whatever comes back, nothing of it hurts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from controlpanel.clients.errors import Ambiguous, ClientError, Invalid
from controlpanel.clients.external_check import MOST_BYTES, Verdict, ask
from controlpanel.clients.standard_webhooks import signed

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
URL = "https://change.example/check"
DOCUMENT = {"environment": "production", "release": {"version": "2026.11.3"}}


def answered(answer: Callable[[httpx.Request], httpx.Response]) -> Verdict:
    return ask(URL, SECRET, DOCUMENT, identifier="check_1", transport=httpx.MockTransport(answer))


def says(**body: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(200, json=body)


def test_the_request_is_signed_as_standard_webhooks_does_and_holds_the_document() -> None:
    sent: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"verdict": "pass", "reason": "CHG-17 is approved."})

    assert answered(take) == Verdict("pass", "CHG-17 is approved.")
    headers, body = sent[0].headers, sent[0].content
    assert json.loads(body) == DOCUMENT
    content = f"check_1.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_a_verdict_may_say_when_it_opens_and_its_words_stay_in_one_line() -> None:
    said = answered(says(verdict="block", reason="Closed.\n\x1b[31mred", opens_at="2026-12-01T08:00:00+00:00"))
    assert said == Verdict("block", "Closed.  [31mred", datetime(2026, 12, 1, 8, tzinfo=UTC))
    assert answered(says(verdict="wait")).reason == "The external check says wait."


@pytest.mark.parametrize(
    "answer",
    [
        says(verdict="maybe"), says(reason="No verdict."), says(verdict="pass", opens_at="2026-12-01T08:00:00"), says(verdict="pass", opens_at="soon"),
        lambda _: httpx.Response(200, json=["pass"]), lambda _: httpx.Response(200, content=b"<html>"), lambda _: httpx.Response(200, content=b"[" * 60_000),
        lambda _: httpx.Response(200, content=b" " * (MOST_BYTES + 1)), lambda _: httpx.Response(204), lambda _: httpx.Response(500),
        lambda _: httpx.Response(302, headers={"Location": "http://169.254.169.254/"}),
    ],
)  # fmt: skip
def test_what_is_no_verdict_is_none_and_nothing_of_it_is_repeated(
    answer: Callable[[httpx.Request], httpx.Response],
) -> None:
    with pytest.raises(Ambiguous) as refused:
        answered(answer)
    assert "169.254" not in str(refused.value) and "<html>" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["ftp://change.example/", "file:///etc/passwd", "https://", "no address", "https://user:word@change.example/"],
)
def test_an_address_that_is_of_no_use_is_told_and_not_repeated(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(url, SECRET, DOCUMENT, identifier="check_1")
    assert "etc/passwd" not in str(refused.value) and "word" not in str(refused.value)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_***", "öäü"])
def test_a_secret_that_is_none_is_told_and_not_repeated(secret: str) -> None:
    with pytest.raises(Invalid) as refused:
        signed(secret, of="the external check", identifier="x", at=1, body=b"")
    assert len(secret) < 7 or secret not in str(refused.value)


def test_an_outage_is_told_without_the_address() -> None:
    def fall(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route to change.example", request=request)

    with pytest.raises(ClientError) as refused:
        answered(fall)
    assert "The external check cannot be reached" in str(refused.value)
