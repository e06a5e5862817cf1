"""Secrets that somebody types or sends where none belongs: refused before any view, never stored, logged or repeated.

Known by their form alone (tokens, private keys, addresses with a password): a name, a commit or a digest is none. Views that
say better which field it was (`SECRETS_REFUSED_BY_VIEWS`) look at their bodies themselves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.shortcuts import render

from controlpanel.core.errors import InvalidError
from controlpanel.core.literal_secrets import find
from controlpanel.core.problems import of_user_error

log = structlog.get_logger(__name__)
HEADERS = ("Idempotency-Key", "X-Request-ID", "X-Correlation-ID", "User-Agent", "Referer")
"""Those that are kept, or stand in a line of the log."""
PASSWORDS = ("password", "old_password", "new_password1", "new_password2", "password1", "password2")
"""Fields whose values may look like anything: only their hashes are kept."""
SENTENCE = "This looks like a secret."
Typed = Iterator[tuple[str, str]]


class TypedSecretsMiddleware:
    """Stands before whatever redirects, answers or stores."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        field = next((name for name, text in _typed(request) if find(text)), None)
        return self.get_response(request) if field is None else _refusal(request, field)


def _refusal(request: HttpRequest, field: str) -> HttpResponse:
    error = InvalidError(
        f"{SENTENCE} Nothing of {field} was stored.", "Put it into the secret store, and revoke it if it was used before.", field=field
    )  # fmt: skip
    log.warning("typed_secret_refused", method=request.method, field=field)
    if request.path.startswith("/api/"):
        return of_user_error(request, error)
    request.path = request.path_info = "/"  # what the page's own links would repeat
    request.GET = request.GET.__class__()
    request.META = {**request.META, "PATH_INFO": "/", "QUERY_STRING": ""}
    return render(request, "error.html", {"error": error}, status=error.status)


def _typed(request: HttpRequest) -> Typed:
    """Name and text of everything that a client says."""
    yield "the address", request.path
    for key, values in request.GET.lists():
        yield "the address", key
        yield from ((_named(key), text) for text in values)
    yield from ((name, request.headers[name]) for name in HEADERS if name in request.headers)
    if request.method not in ("GET", "HEAD", "OPTIONS") and not settings.SECRETS_REFUSED_BY_VIEWS.fullmatch(
        request.path
    ):
        yield from _body(request)


def _body(request: HttpRequest) -> Typed:
    """A form's fields or a JSON document's texts; what cannot be read is the view's to refuse."""
    try:
        if request.content_type == "application/json":
            yield from _json(json.loads(request.body or b"null"), "the body")
            return
        for key, values in request.POST.lists():
            yield "the body", key
            yield from ((_named(key), text) for text in values if key not in PASSWORDS)
    except (ValueError, RecursionError, SuspiciousOperation, UnreadablePostError):
        return


def _json(content: Any, name: str) -> Typed:
    if isinstance(content, str):
        yield name, content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield "the body", key
            yield from _json(value, _named(key))
    elif isinstance(content, list):
        for value in content:
            yield from _json(value, name)


def _named(key: str) -> str:
    """A field's name, where it is one: a client may send anything as a name."""
    return key if len(key) <= 60 and key.isidentifier() else "a field"
