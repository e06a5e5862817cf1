"""Every way in which an answer can fail, by what the caller may do next."""

from __future__ import annotations

import gzip
import pickle
import ssl
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from controlpanel.clients import argocd_transport, errors
from controlpanel.clients.argocd import ArgoCD, Timeouts

TOKEN = "header.payload.signature-3f9c"
HTML = "<!DOCTYPE html><html><body>Sign in</body></html>"


def client(answer: httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]) -> ArgoCD:
    def handler(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    return ArgoCD("https://argocd.example.test", TOKEN, transport=httpx.MockTransport(handler))


def sync(argo: ArgoCD) -> object:
    return argo.sync("backend-production", "hub", "0" * 40, "id")


def failure(answer: httpx.Response | Exception) -> errors.ClientError:
    with pytest.raises(errors.ClientError) as failed:
        sync(client(answer))
    return failed.value


def envelope(status: int, code: int, message: str) -> httpx.Response:
    return httpx.Response(status, json={"error": message, "code": code, "message": message})


def _tls_failure() -> httpx.ConnectError:
    error = httpx.ConnectError("certificate verify failed: self-signed certificate")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    return error


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), errors.NotSent),
        (httpx.ConnectError("[Errno -2] Name or service not known"), errors.NotSent),
        (_tls_failure(), errors.NotSent),
        (httpx.ConnectTimeout("timed out"), errors.NotSent),
        (httpx.PoolTimeout("no connection"), errors.NotSent),
        (httpx.ProxyError("407"), errors.NotSent),
        (httpx.UnsupportedProtocol("x"), errors.NotSent),
        (httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}'"), errors.NotSent),
        (httpx.ReadTimeout("timed out"), errors.Ambiguous),
        (httpx.WriteTimeout("timed out"), errors.Ambiguous),
        (httpx.ReadError("[Errno 104] Connection reset by peer"), errors.Ambiguous),
        (httpx.WriteError("broken pipe"), errors.Ambiguous),
        (httpx.CloseError("x"), errors.Ambiguous),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), errors.Ambiguous),
        (httpx.DecodingError("bad gzip"), errors.Ambiguous),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_broken_connection_is_told_by_whether_it_may_have_been_applied(
    raised: Exception, kind: type[errors.ClientError]
) -> None:
    assert type(failure(raised)) is kind


def test_a_certificate_that_is_not_trusted_asks_for_the_ca() -> None:
    assert "CA certificate" in failure(_tls_failure()).remedy


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (envelope(400, 9, "another operation is already in progress"), errors.OperationInProgress),
        (envelope(400, 9, "application is deleting"), errors.Invalid),
        (envelope(400, 9, "Cannot sync to x: auto-sync currently set to main"), errors.AutomatedSync),
        (envelope(400, 9, "error resolving repo revision: x"), errors.Invalid),
        (envelope(400, 3, "Unable to terminate operation. No operation is in progress"), errors.NothingRunning),
        (envelope(401, 16, "invalid session: token has invalid claims: token is expired"), errors.CredentialsRefused),
        (envelope(403, 7, "permission denied: applications, sync, p/a, sub: panel"), errors.PermissionRefused),
        (envelope(403, 7, "cannot sync: blocked by sync window"), errors.SyncWindowBlocked),
        (envelope(404, 5, 'applications.argoproj.io "x" not found'), errors.NotFound),
        (envelope(408, 1, "context canceled"), errors.Ambiguous),
        (envelope(409, 6, "already exists"), errors.Conflict),
        (envelope(409, 10, "the object has been modified"), errors.Conflict),
        (envelope(429, 8, "too many requests"), errors.RateLimited),
        (envelope(500, 2, "rpc error"), errors.Ambiguous),
        (envelope(500, 13, "Failed to update application. Too many conflicts"), errors.Ambiguous),
        (envelope(503, 14, "connection refused"), errors.Ambiguous),
        (envelope(504, 4, "deadline exceeded"), errors.Ambiguous),
        (httpx.Response(401, text=HTML), errors.CredentialsRefused),
        (httpx.Response(403, text=HTML), errors.PermissionRefused),
        (httpx.Response(404, text="404 page not found"), errors.Misdirected),
        (httpx.Response(404, text=HTML), errors.Misdirected),
        (httpx.Response(404, json={"message": "no route"}), errors.Misdirected),
        (httpx.Response(405, text="Method Not Allowed\n"), errors.Invalid),
        (httpx.Response(413, text=HTML), errors.Invalid),
        (httpx.Response(415, text="Invalid content type\n"), errors.Invalid),
        (httpx.Response(429, text="slow down"), errors.RateLimited),
        (httpx.Response(500, text=""), errors.Ambiguous),
        (httpx.Response(502, text=HTML), errors.Ambiguous),
        (httpx.Response(504, text=HTML), errors.Ambiguous),
        (httpx.Response(301, headers={"Location": "https://elsewhere/"}), errors.Misdirected),
        (httpx.Response(307, headers={"Location": "https://argocd.example.test/"}), errors.Misdirected),
        (httpx.Response(200, text=HTML), errors.Ambiguous),
        (httpx.Response(200, text=""), errors.Ambiguous),
        (httpx.Response(200, text='{"metadata": {"name": "backend-prod'), errors.Ambiguous),
        (httpx.Response(200, text="[]"), errors.Ambiguous),
        (httpx.Response(200, text="null"), errors.Ambiguous),
        (httpx.Response(200, content=b"[" * 100_000), errors.Ambiguous),
        (httpx.Response(200, content=b"\xff\xfe{"), errors.Ambiguous),
        (httpx.Response(400, json=[1]), errors.Invalid),
        (httpx.Response(400, json={"error": {"grpc_code": 9, "http_code": 400, "message": "another operation is already in progress"}}),
         errors.OperationInProgress),
    ],
    ids=lambda value: f"{value.status_code}-{value.text[:40]!r}" if isinstance(value, httpx.Response) else "",
)  # fmt: skip
def test_an_answer_that_is_no_success_is_raised_by_its_class(
    answer: httpx.Response, kind: type[errors.ClientError]
) -> None:
    failed = failure(answer)
    assert type(failed) is kind
    assert "<" not in failed.sentence
    assert failed.remedy


def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example.test/"})

    with pytest.raises(errors.Misdirected):
        sync(client(answer))
    assert asked == ["argocd.example.test"]


def test_a_truncated_gzip_body_is_ambiguous() -> None:
    body = gzip.compress(b'{"metadata": {}}' * 50)[:-20]
    answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(body))
    assert type(failure(answer)) is errors.Ambiguous


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("", None), ("soon", None), ("-3", None), ("999999999999", 86_400.0),
     ("Mon, 23 Nov 2020 19:22:55 +0000", 0.0)],
)  # fmt: skip
def test_the_time_that_a_server_asks_for_is_read(header: str, seconds: float | None) -> None:
    failed = failure(httpx.Response(429, headers={"Retry-After": header}))
    assert isinstance(failed, errors.RateLimited)
    assert failed.retry_after == seconds


def test_a_date_to_come_back_at_is_read_as_seconds() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90))
    found = errors.seconds_of(at)
    assert found is not None
    assert 80 < found <= 90


class Dripping(httpx.SyncByteStream):
    """Always one more byte before any read timeout."""

    def __init__(self, chunk: bytes = b" ") -> None:
        self.chunk = chunk
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield self.chunk

    def close(self) -> None:
        self.closed = True


def test_an_answer_that_drips_for_ever_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(1000))
    monkeypatch.setattr("controlpanel.clients.argocd_transport.time.monotonic", lambda: next(now))
    stream = Dripping()
    failed = failure(httpx.Response(200, stream=stream))
    assert type(failed) is errors.Ambiguous
    assert "slowly" in failed.sentence
    assert stream.closed
    assert next(now) < 20


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argocd_transport, "MAX_BODY_BYTES", 1000)
    failed = failure(httpx.Response(200, stream=Dripping(b"x" * 300)))
    assert type(failed) is errors.Ambiguous
    assert "too much" in failed.sentence


def test_an_error_tells_what_was_asked_and_in_argo_cds_words() -> None:
    failed = failure(envelope(400, 9, "error resolving repo revision: x."))
    assert (
        failed.sentence
        == "Argo CD refused to sync the Application backend-production: error resolving repo revision: x."
    )
    assert isinstance(failed, errors.Rejected)
    assert (failed.status, failed.code, failed.text) == (400, 9, "error resolving repo revision: x.")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}'"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("timed out"),
        envelope(401, 16, "invalid session"),
        httpx.Response(200, text=HTML),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_token_is_in_no_error_and_no_traceback(answer: httpx.Response | Exception) -> None:
    failed = failure(answer)
    texts = "".join(traceback.format_exception(failed))
    assert TOKEN not in texts
    assert TOKEN not in repr(failed) + repr(failed.args) + repr(vars(failed))
    assert failed.__cause__ is None
    assert failed.__suppress_context__ or failed.__context__ is None


@pytest.mark.parametrize(
    "error",
    [
        errors.NotSent("a", "b"),
        errors.OperationInProgress("a", "b", status=400, code=9, text="t"),
        errors.StreamSilent("a", "b", opened=True),
    ],
)
def test_errors_survive_a_trip_between_processes(error: errors.ClientError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error) == "a b"


def test_a_client_can_be_given_all_timeouts() -> None:
    assert Timeouts() == Timeouts(connect=3, read=10, refresh=20, silence=45)
