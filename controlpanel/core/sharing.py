"""Many browsers read the same fragment at the same moment, because they were told of the same change: it is made once.

A browser says in `Live-Sequence` which change it was told of. A fragment may be shared that began to be made after this
process had heard of that change, among people with the same roles. Who reads without that header, or was told of a
change that this process does not know, gets a fragment of one's own.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token

from controlpanel.core.live import heard_at

HEADER = "Live-Sequence"
OLDEST_SECONDS = 2.0
PATIENCE_SECONDS = 5.0
MOST = 256
CSRF_FIELD = re.compile(rb'(name="csrfmiddlewaretoken" value=")[A-Za-z0-9]*(")')
"""Each reader's forms carry the reader's own token. Text from outside cannot look like this: its quotes are escaped."""

View = Callable[..., HttpResponse]


@dataclass
class Made:
    """A fragment that is being made or was made: its bytes, content type, and the one person for whom it looks different."""

    began: float = field(default_factory=time.monotonic)
    body: Future[tuple[bytes, str, str] | None] = field(default_factory=Future)


_made: dict[Hashable, Made] = {}
_lock = threading.Lock()


def shared(who: Callable[[HttpRequest], tuple[Hashable, str]]) -> Callable[[View], View]:
    """Share the fragments of a view. `who` gives what decides the look for a person (roles), and the person's name.

    A view says in `response.is_fragment` that its answer is one, and names whom it shows something else to in
    `response.not_shared_with`.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def read(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
            since = _told_at(request)
            if since is None:
                return view(request, *args, **named)
            look, name = who(request)
            key = (request.get_full_path(), request.headers.get("HX-Target", ""), look)
            made, is_ours = _claim(key, since)
            if not is_ours:
                return _of_another(request, made, name) or view(request, *args, **named)
            return _make(made, name, lambda: view(request, *args, **named))

        return read

    return decorate


def _told_at(request: HttpRequest) -> float | None:
    """When this process heard of the change that the reader was told of; None where nothing may be shared."""
    told = request.headers.get(HEADER, "")
    asks_for_a_part = request.headers.get("HX-Request") == "true" and "HX-Target" in request.headers
    if request.method != "GET" or not asks_for_a_part or not (told.isascii() and told.isdecimal()) or len(told) > 20:
        return None
    return heard_at(int(told))


def _claim(key: Hashable, since: float) -> tuple[Made, bool]:
    """What somebody else makes or has made since, or a new one that the caller must make."""
    with _lock:
        now = time.monotonic()
        found = _made.get(key)
        if found is not None and found.began >= since and now - found.began < OLDEST_SECONDS:
            return found, False
        if len(_made) >= MOST:
            kept = [(one, made) for one, made in _made.items() if now - made.began <= OLDEST_SECONDS]
            _made.clear()
            _made.update(kept[1 - MOST :])
        _made[key] = made = Made()
        return made, True


def _make(made: Made, name: str, view: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        response = view()
    except BaseException:
        made.body.set_result(None)
        raise
    not_for = getattr(response, "not_shared_with", "")
    is_fragment = bool(getattr(response, "is_fragment", False))
    is_fit = is_fragment and response.status_code == 200 and not response.streaming and name != not_for
    kind = response.headers.get("Content-Type", "")
    made.body.set_result((CSRF_FIELD.sub(rb"\1\2", response.content), kind, not_for) if is_fit else None)
    return response


def _of_another(request: HttpRequest, made: Made, name: str) -> HttpResponse | None:
    try:
        found = made.body.result(PATIENCE_SECONDS)
    except TimeoutError:
        return None
    if found is None or found[2] == name:
        return None
    body, kind, _ = found
    if CSRF_FIELD.search(body):
        body = CSRF_FIELD.sub(rb"\g<1>" + get_token(request).encode() + rb"\g<2>", body)
    return HttpResponse(body, content_type=kind, headers={"Vary": "HX-Request, HX-Target, Cookie"})
