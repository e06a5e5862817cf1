"""The stream of Applications: frames however they are cut, heartbeats, silence, errors before and after the first event."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.clients import errors
from controlpanel.clients.argocd import ArgoCD, Timeouts


def event(name: str, kind: str = "MODIFIED") -> bytes:
    return json.dumps({"result": {"type": kind, "application": {"metadata": {"name": name}}}}).encode()


class Chunks(httpx.SyncByteStream):
    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = chunks
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def close(self) -> None:
        self.closed = True


def client(stream: httpx.SyncByteStream, status: int = 200) -> ArgoCD:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, stream=stream))
    return ArgoCD("https://argocd.example.test", "a.b.c", transport=transport)


def names(stream: httpx.SyncByteStream, **options: bool) -> list[str]:
    read = client(stream).stream_applications("hub", **options)  # type: ignore[arg-type]
    return [found.application.name if found.application else found.type for found in read]


def test_a_frame_is_read_as_its_event() -> None:
    (read,) = client(Chunks(b"data: " + event("a", "ADDED") + b" \n\n\n")).stream_applications("hub")
    assert read.type == "ADDED"
    assert read.application
    assert read.application.name == "a"


@given(st.lists(st.integers(0, 400), max_size=8))
def test_frames_are_read_the_same_wherever_they_are_cut(cuts: list[int]) -> None:
    whole = b"".join(b"data: " + event(name) + b" \n\n\n:\n" for name in ("a", "b\u2028", "c"))
    edges = sorted({0, len(whole), *(cut % len(whole) for cut in cuts)})
    chunks = [whole[start:end] for start, end in pairwise(edges)]
    assert names(Chunks(*chunks)) == ["a", "b\u2028", "c"]


def test_characters_that_look_like_line_ends_do_not_end_a_line() -> None:
    raw = json.dumps(
        {"result": {"type": "ADDED", "application": {"metadata": {"name": "a\u2028b\x85c"}}}}, ensure_ascii=False
    )
    assert names(Chunks(b"data: " + raw.encode() + b"\n\n")) == ["a\u2028b\x85c"]


def test_other_fields_of_a_frame_are_passed_over() -> None:
    assert names(Chunks(b"event: message\r\nid: 7\r\nretry: 1000\r\ndata: " + event("a") + b"\r\n\r\n")) == ["a"]


def test_heartbeats_are_told_only_to_those_who_ask() -> None:
    body = [b":\n", b"data: " + event("a") + b"\n\n", b":\n"]
    assert names(Chunks(*body)) == ["a"]
    assert names(Chunks(*body), heartbeats=True) == ["HEARTBEAT", "a", "HEARTBEAT"]


def test_a_clean_end_ends_the_iteration_and_closes_the_connection() -> None:
    stream = Chunks(b"data: " + event("a") + b"\n\n")
    assert names(stream) == ["a"]
    assert stream.closed


def test_leaving_early_closes_the_connection() -> None:
    stream = Chunks(b"data: " + event("a") + b"\n\n", b"data: " + event("b") + b"\n\n")
    read = client(stream).stream_applications("hub")
    next(read)
    assert not stream.closed
    read.close()  # type: ignore[attr-defined]
    assert stream.closed


@pytest.mark.parametrize(
    ("chunks", "kind"),
    [
        ([b"data: " + event("a") + b"\n\n", httpx.RemoteProtocolError("incomplete chunked read")], errors.Ambiguous),
        ([b"data: " + event("a") + b"\n\n", httpx.ReadError("reset")], errors.Ambiguous),
        ([b"data: " + event("a") + b"\n\n", httpx.ReadTimeout("silent")], errors.StreamSilent),
        ([b"data: " + event("a") + b"\n\n", b'data: {"result": {"ty'], errors.Ambiguous),
        ([b"data: " + event("a") + b"\n\n", b'data: {"error":{"grpc_code":7,"http_code":403,"message":"permission denied"}}'],
         errors.PermissionRefused),
        ([b"data: " + event("a") + b"\n\n", b'{"error":{"grpc_code":14,"http_code":503,"message":"transport is closing"}}'],
         errors.Ambiguous),
        ([b"data: " + event("a") + b"\n\n", b'{"error":{}}'], errors.Ambiguous),
    ],
)  # fmt: skip
def test_a_stream_that_breaks_gives_what_came_and_then_its_error(
    chunks: list[bytes | Exception], kind: type[errors.ClientError]
) -> None:
    stream = Chunks(*chunks)
    read = client(stream).stream_applications("hub")
    assert next(read).application
    with pytest.raises(errors.ClientError) as failed:
        next(read)
    assert type(failed.value) is kind
    assert stream.closed


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            401,
            b'{"error":{"grpc_code":16,"http_code":401,"message":"no session information"}}',
            errors.CredentialsRefused,
        ),
        (403, b'{"error":{"grpc_code":7,"http_code":403,"message":"permission denied"}}', errors.PermissionRefused),
        (502, b"<html>bad gateway</html>", errors.Ambiguous),
        (429, b"", errors.RateLimited),
        (302, b"", errors.Misdirected),
        (200, b"<html>Sign in</html>", errors.Ambiguous),
    ],
)
def test_a_stream_that_is_refused_says_so(status: int, body: bytes, kind: type[errors.ClientError]) -> None:
    argo = client(Chunks(body), status)
    with pytest.raises(kind):
        list(argo.stream_applications("hub"))


@pytest.mark.parametrize("raised", [httpx.ConnectError("refused"), httpx.ConnectTimeout("x")])
def test_a_server_that_is_not_there_is_not_silence(raised: Exception) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise raised

    argo = ArgoCD("https://argocd.example.test", "a.b.c", transport=httpx.MockTransport(refuse))
    with pytest.raises(errors.NotSent):
        next(argo.stream_applications("hub"))


# ---- over a real socket, where silence is real


@pytest.fixture
def silent_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Says what the test gives, then nothing more until the test is over."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(request.param)
            over.wait(30)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    thread.join(10)
    listener.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@pytest.mark.parametrize("silent_server", [HEAD + b"data: " + event("a") + b"\n\n"], indirect=True)
def test_silence_after_an_event_raises(silent_server: str) -> None:
    with ArgoCD(silent_server, "a.b.c", timeouts=Timeouts(silence=0.2)) as argo:
        read = argo.stream_applications("hub")
        assert next(read).application
        with pytest.raises(errors.StreamSilent) as silent:
            next(read)
    assert silent.value.opened is True


@pytest.mark.parametrize("silent_server", [b""], indirect=True)
def test_silence_before_the_first_event_is_told_apart(silent_server: str) -> None:
    """Argo CD sends no headers before the first event: a project without Applications looks just like this."""
    with (
        ArgoCD(silent_server, "a.b.c", timeouts=Timeouts(silence=0.2)) as argo,
        pytest.raises(errors.StreamSilent) as silent,
    ):
        next(argo.stream_applications("hub"))
    assert silent.value.opened is False
