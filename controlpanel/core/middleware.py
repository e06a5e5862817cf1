"""What every view shares: headers of answers, text that cannot be kept, and errors for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from controlpanel.core import refusals
from controlpanel.core.database import is_read_only
from controlpanel.core.errors import CannotActError, InvalidError, TooLargeError, UserError
from controlpanel.core.words import is_fit


class HeadersMiddleware:
    """Sets the Content-Security-Policy, and keeps answers out of caches unless they say otherwise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class BodyLimitMiddleware:
    """Says of a form that is too long that it is: unread (`core.bounded`), it would look like an empty or a forged one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or ""
        is_long = length.isdigit() and int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if not is_long or request.path.startswith("/api/"):
            return self.get_response(request)
        error = TooLargeError("The request is larger than 1 MB; nothing of it was read.", "Send it in parts.")
        return render(request, "error.html", {"error": error}, status=error.status)


class UserErrorMiddleware:
    """Shows a `UserError` of a page as a page; the API has its own form (`controlpanel/api.py`).

    It is the innermost and not asynchronous: Django then keeps all around it in one thread, where each would go to a
    thread and back by itself, which costs more than most pages.
    """

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Refuse text that cannot be kept or shown; the API says which field it was in."""
        if request.path.startswith("/api/") or all(map(is_fit, _texts(request))):
            return None
        error = InvalidError("The request holds a character that no text may have.", "Type it anew instead of pasting.")
        return render(request, "error.html", {"error": error}, status=error.status)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn the sentence and its remedy into a page with the right status."""
        if isinstance(exception, DatabaseError) and is_read_only(exception):
            exception = CannotActError()
        if not isinstance(exception, UserError):
            return None
        refusals.keep(request, exception)
        return render(request, "error.html", {"error": exception}, status=exception.status)


def _texts(request: HttpRequest) -> Iterator[str]:
    yield request.path
    for fields in (request.GET, request.POST):
        for _, values in fields.lists():
            yield from values
