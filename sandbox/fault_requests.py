"""Faults of requests: every request passes here and may be refused, delayed, held, cut or answered from the past."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.envelope import STATUS
from sandbox.faults import REQUEST, Faults, Rule, application_of

TRANSPORT = "sandbox.transport"
DRIPS = 20
"""In how many pieces a slow body comes."""
CODES = {status: code for code, status in reversed(STATUS.items())}
PAGES = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}
TEXTS = {401: "invalid session: token has invalid claims: token is expired", 403: "permission denied",
         429: "too many requests"}  # fmt: skip
UNBOUNDED = ("/api/v1/stream/", "/logs")
"""Answers without an end cannot be kept back until they are whole."""


class Server(Starlette):
    """Starlette that lets its middleware reach the connection, so that it can be reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope[TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await super().__call__(scope, receive, send)


def reset(scope: Scope) -> None:
    """Close the connection so that the client reads a reset, not an end."""
    transport: asyncio.Transport | None = scope.get(TRANSPORT)
    if transport is None:
        raise RuntimeError("this server cannot reset connections")
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


@dataclass
class Answer:
    """A whole answer that has not been sent yet."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def send(self, send: Send, body: bytes | None = None) -> None:
        """Send it; `body` instead of its own keeps the announced length."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body if body is None else body})


def failure(rule: Rule) -> Answer:
    """What a proxy or the server says: a page for 502 to 504, Argo CD's envelope else."""
    status = int(rule["status"])
    if status in PAGES:
        page = f"<html><head><title>{status} {PAGES[status]}</title></head><body><h1>{PAGES[status]}</h1></body></html>"
        headers, body = [(b"content-type", b"text/html")], page.encode()
    else:
        text = TEXTS.get(status, "injected failure")
        headers = [(b"content-type", b"application/json")]
        body = json.dumps({"error": text, "code": CODES.get(status, 2), "message": text}).encode()
    if rule["retry_after"]:
        headers.append((b"retry-after", str(int(rule["retry_after"])).encode()))
    return Answer(status, [*headers, (b"content-length", str(len(body)).encode())], body)


class FaultyRequests:
    """Middleware around the whole server; requests below /sandbox are never touched."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            not self.faults.rules
            or scope["type"] != "http"
            or not scope["path"].startswith(("/api/", "/k8s/", "/hubs/"))
        ):
            await self.app(scope, receive, send)
            return
        if self.faults.down_until > time.monotonic():
            reset(scope)
            return
        request = Request(scope, receive, send)
        await request.read()
        rule = self._drawn(request)
        if rule is None:
            await self.app(scope, request.replay, send)
            return
        effects: dict[str, Callable[[Request, Rule], Awaitable[None]]] = {
            "error": self._error, "reset": self._reset, "latency": self._latency, "hang": self._hang, "hold": self._hold,
            "truncated": self._truncated, "drip": self._drip, "stale-answer": self._stale,
        }  # fmt: skip
        await effects[rule.effect](request, rule)

    def _drawn(self, request: Request) -> Rule | None:
        method, path = request.scope["method"], request.scope["path"]
        unbounded = any(part in path for part in UNBOUNDED)
        effects = ("error", "reset", "latency", "hang") if unbounded else tuple(REQUEST)
        if method != "GET":
            effects = tuple(effect for effect in effects if effect != "stale-answer")
        options = {"when": "before"} if unbounded else {}
        return self.faults.draw(effects, request.application, method, path, **options)

    async def _answer(self, request: Request) -> Answer:
        answer = Answer()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message["headers"])
            else:
                answer.body += message.get("body", b"")

        await self.app(request.scope, request.replay, keep)
        return answer

    async def _error(self, request: Request, rule: Rule) -> None:
        if rule["when"] == "after":
            await self._answer(request)
        await failure(rule).send(request.send)

    async def _reset(self, request: Request, rule: Rule) -> None:
        if rule["when"] == "after":
            await self._answer(request)
        reset(request.scope)

    async def _latency(self, request: Request, rule: Rule) -> None:
        if rule["when"] == "after":
            answer = await self._answer(request)
            await asyncio.sleep(rule["seconds"])
            await answer.send(request.send)
        elif not await request.left_within(rule["seconds"]):
            await self.app(request.scope, request.replay, request.send)

    async def _hang(self, request: Request, rule: Rule) -> None:
        if rule["when"] == "after":
            await self._answer(request)
        if not await request.left_within(rule["seconds"]):
            reset(request.scope)

    async def _hold(self, request: Request, rule: Rule) -> None:
        await asyncio.sleep(rule["seconds"])
        self.faults.record(rule, application=request.application, delivered=True)
        answer = await self._answer(request)
        await answer.send(request.send)

    async def _truncated(self, request: Request, rule: Rule) -> None:
        answer = await self._answer(request)
        half = answer.body[: len(answer.body) // 2]
        if not rule["connection"]:
            answer.headers = [(name, value) for name, value in answer.headers if name != b"content-length"]
            await answer.send(request.send, half)
            return
        await request.send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await request.send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(0.05)  # what was written must leave before the reset
        reset(request.scope)

    async def _drip(self, request: Request, rule: Rule) -> None:
        answer = await self._answer(request)
        await request.send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        size = max(1, -(-len(answer.body) // DRIPS))
        for start in range(0, len(answer.body), size):
            if await request.left_within(rule["seconds"] / DRIPS):
                return
            await request.send(
                {"type": "http.response.body", "body": answer.body[start : start + size], "more_body": True}
            )
        await request.send({"type": "http.response.body", "body": b""})

    async def _stale(self, request: Request, rule: Rule) -> None:
        key = f"{request.scope['path']}?{request.scope['query_string'].decode('latin-1')}"
        until, answer = rule.kept.get(key, (0.0, Answer()))
        if until <= time.monotonic():
            answer = await self._answer(request)
            rule.kept[key] = (time.monotonic() + rule["seconds"], answer)
        await answer.send(request.send)


class Request:
    """A request whose body has been read, so that it can be delivered later or without its client."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.body = b""
        self.application = application_of(scope["path"])
        self._delivered = False

    async def read(self) -> None:
        """Take the whole body."""
        more = True
        while more:
            message = await self.receive()
            self.body += message.get("body", b"")
            more = message.get("more_body", False)
        if not self.application and self.scope["path"] == "/api/v1/applications" and self.body:
            self.application = _name_in(self.body)

    async def replay(self) -> Message:
        """Give the body once, then whatever the client does."""
        if self._delivered:
            return await self.receive()
        self._delivered = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def left_within(self, seconds: float) -> bool:
        """Wait; true as soon as the client has gone."""
        try:
            message = await asyncio.wait_for(self.receive(), seconds)
        except TimeoutError:
            return False
        return bool(message["type"] == "http.disconnect")


def _name_in(body: bytes) -> str:
    try:
        document: Any = json.loads(body)
        return str(document["metadata"]["name"])
    except (ValueError, KeyError, TypeError):
        return ""
