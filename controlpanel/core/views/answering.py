"""How pages answer: whole or as one fragment of the same template; after a POST with 303."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    fragments: Collection[str] = (),
    status: int = 200,
) -> HttpResponse:
    """The page, or the part of it that `HX-Target` names, if that is one of `fragments`."""
    target = fragment_of(request)
    name = f"{template}#{target}" if target in fragments else template
    response = render(request, name, dict(context), status=status)
    response.is_fragment = "#" in name  # type: ignore[attr-defined]
    patch_vary_headers(response, ("HX-Request", "HX-Target"))
    return response


def fragment_of(request: HttpRequest) -> str:
    """The id of the element that htmx wants to replace, or nothing where the whole page is asked for."""
    details = getattr(request, "htmx", None)
    return str(details.target or "") if details else ""


class SeeOther(HttpResponseRedirect):
    """After a POST: go and read that page."""

    status_code = 303
