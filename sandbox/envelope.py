"""Argo CD's error envelope and JSON answers, and the checks that every request passes first."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.documents import Document

INVALID, NOT_FOUND, ALREADY_EXISTS, DENIED, PRECONDITION, ABORTED, UNKNOWN, INTERNAL, UNAUTHENTICATED = (
    3,
    5,
    6,
    7,
    9,
    10,
    2,
    13,
    16,
)
STATUS = {1: 408, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500,
          14: 503, 15: 500, 16: 401}  # fmt: skip
REASON = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict",
          500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


class ApiError(Exception):
    """A gRPC status that the gateway answers: `code` is the gRPC number, the HTTP status follows from it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def denied() -> ApiError:
    """What is missing or hidden: the two look the same."""
    return ApiError(DENIED, "permission denied")


def answer(body: Any, headers: dict[str, str] | None = None) -> Response:
    """200 with a JSON body, as the gateway writes it."""
    text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    gateway = {"Grpc-Metadata-Content-Type": "application/grpc"}
    return Response(text, media_type="application/json", headers=gateway | (headers or {}))


async def answer_error(request: Request, error: Exception) -> Response:
    """The unary error body."""
    assert isinstance(error, ApiError)
    body = {"error": error.message, "code": error.code, "message": error.message}
    return Response(json.dumps(body), STATUS[error.code], media_type="application/json")


def stream_error(error: ApiError) -> bytes:
    """The error body of a stream, which differs from the unary one."""
    status = STATUS[error.code]
    body = {"grpc_code": error.code, "http_code": status, "message": error.message, "http_status": REASON[status]}
    return json.dumps({"error": body}).encode()


async def answer_not_found(request: Request, error: Exception) -> Response:
    """An unknown path: the gateway's text below /api, the file server's elsewhere."""
    text = "Not Found\n" if request.url.path.startswith("/api/") else "404 page not found\n"
    return PlainTextResponse(text, 404)


async def answer_wrong_method(request: Request, error: Exception) -> Response:
    """A known path, another method."""
    return PlainTextResponse("Method Not Allowed\n", 405)


async def read_body(request: Request) -> Document:
    """The JSON object of the body ({} when empty); what is no JSON is refused with code 3."""
    raw = await request.body()
    if not raw.strip():
        return {}
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise ApiError(INVALID, _go_syntax_error(raw, error)) from error
    if not isinstance(document, dict):
        raise ApiError(INVALID, "json: cannot unmarshal value into Go value of type object")
    return document


def _go_syntax_error(raw: bytes, error: ValueError) -> str:
    position = getattr(error, "pos", len(raw))
    text = raw.decode("utf-8", "replace")
    if position >= len(text.rstrip()) or "Unterminated" in str(error):
        return "unexpected EOF"
    if text[:position].rstrip().endswith(("{", "[")) and position + 1 >= len(text.rstrip()):
        return "unexpected EOF"
    return f"invalid character '{text[position]}' looking for beginning of value"


def flag(value: str | None, default: bool = False) -> bool:
    """A boolean query parameter by Go's rules."""
    if value is None:
        return default
    return value in ("1", "t", "T", "true", "TRUE", "True")


def number(value: Any) -> int:
    """A whole number of a body or a query parameter (nothing is 0); ApiError 400 for anything else."""
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if value in (None, ""):
        return 0
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ApiError(INVALID, f'strconv.ParseInt: parsing "{value}": invalid syntax')


async def answer_panic(request: Request, error: Exception) -> Response:
    """What the sandbox itself did wrong, in the shape of a panic of the server; the log has the details."""
    return await answer_error(request, ApiError(INTERNAL, f"{type(error).__name__}"))


class ContentTypeCheck:
    """Refuses every request under /api that is not a GET and does not say exactly `application/json`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._refuses(scope):
            await PlainTextResponse("Invalid content type\n", 415)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    @staticmethod
    def _refuses(scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return False
        if not scope["path"].startswith("/api/") or scope["path"] == "/api/webhook":
            return False
        given = dict(scope["headers"]).get(b"content-type", b"")
        return bool(given.lower() != b"application/json")
