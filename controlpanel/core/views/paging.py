"""Addresses of the neighbouring portions of a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest


def pages(request: HttpRequest, following: str | None) -> dict[str, Any]:
    """`older` and `newest`: addresses with the filters kept, or "" at an end."""
    query = request.GET.copy()
    query.pop("cursor", None)
    first = f"?{query.urlencode()}"
    has_cursor = bool(request.GET.get("cursor"))
    if following is not None:
        query["cursor"] = following
    return {"older": f"?{query.urlencode()}" if following else "", "newest": first if has_cursor else ""}


def clears(request: HttpRequest, named: Mapping[str, str]) -> list[dict[str, str]]:
    """The filters that narrow a list, by the words that the page has for them, each with the address without it."""
    return [{"label": word, "href": without(request, name)} for name, word in named.items() if request.GET.get(name)]


def without(request: HttpRequest, name: str) -> str:
    """The address of the same list with one filter taken off."""
    query = request.GET.copy()
    for gone in (name, "cursor"):
        query.pop(gone, None)
    return f"?{query.urlencode()}"
