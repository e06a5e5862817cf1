"""What can go wrong between the panel and a small HTTP service, by what the caller may do next."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator

import httpx
import pytest

from controlpanel.clients import errors, http_endpoint
from controlpanel.clients.http_endpoint import Endpoint

PASSWORD = "a-password-of-tests"
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def endpoint(answer: Answer, url: str = "https://hub.example.test/base") -> Endpoint:
    def handler(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    return Endpoint("The hub", url, transport=httpx.MockTransport(handler))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.ConnectError("refused"), errors.NotSent),
        (httpx.ConnectTimeout("timed out"), errors.NotSent),
        (httpx.ReadTimeout("timed out"), errors.Ambiguous),
        (httpx.RemoteProtocolError("reset"), errors.Ambiguous),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example.test/"}), errors.Misdirected),
        (httpx.Response(401), errors.CredentialsRefused),
        (httpx.Response(403), errors.PermissionRefused),
        (httpx.Response(404), errors.Misdirected),
        (httpx.Response(409), errors.Conflict),
        (httpx.Response(422, text="id is missing"), errors.Invalid),
        (httpx.Response(429, headers={"Retry-After": "7"}), errors.RateLimited),
        (httpx.Response(500), errors.Ambiguous),
        (httpx.Response(503, text="<html>busy</html>"), errors.Ambiguous),
    ],
)
def test_every_failure_is_one_of_ours(answer: Answer, kind: type[errors.ClientError]) -> None:
    with pytest.raises(kind) as failed:
        endpoint(answer).get("say how it is", "/api/health")
    assert type(failed.value) is kind
    assert "The hub" in failed.value.sentence
    assert "<html>" not in str(failed.value)


def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"Location": "https://169.254.169.254/"})

    with pytest.raises(errors.Misdirected):
        endpoint(elsewhere).get("say how it is", "/api/health")
    assert asked == ["https://hub.example.test/base/api/health"]


def test_an_answer_without_end_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_endpoint, "MOST_BYTES", 1000)

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 600

    with pytest.raises(errors.Ambiguous, match="too much"):
        endpoint(httpx.Response(200, content=endless())).get("say how it is", "/")


def test_a_drop_a_second_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_endpoint, "READ_SECONDS", -1.0)
    with pytest.raises(errors.Ambiguous, match="too slowly"):
        endpoint(httpx.Response(200, content=b"{}")).get("say how it is", "/")


def test_user_and_password_leave_the_address_for_a_header() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    made = endpoint(answer, f"https://panel:{PASSWORD}@hub.example.test")
    made.get("say how it is", "/api/health")
    assert seen[0].headers["Authorization"].startswith("Basic ")
    assert PASSWORD not in f"{seen[0].url} {made!r} {made.url}"


def test_no_error_repeats_the_password() -> None:
    made = endpoint(httpx.ConnectError("refused"), f"https://panel:{PASSWORD}@hub.example.test")
    with pytest.raises(errors.NotSent) as failed:
        made.get("say how it is", "/")
    assert PASSWORD not in "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize("url", ["", "hub.example.test", "ftp://hub.example.test", "https://", "https://a.test/?x=1", "http://a.test:port"])  # fmt: skip
def test_an_address_that_nobody_can_ask_is_refused(url: str) -> None:
    with pytest.raises(errors.Invalid, match="address of The hub"):
        Endpoint("The hub", url)
