"""What the frame of every page needs: navigation, theme, account, addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from controlpanel.core.permissions import Right
from controlpanel.core.views.theme import theme_of


@dataclass(frozen=True)
class Entry:
    """One page of the navigation: `route` is a URL name, `right` what opening it asks for, `counter` a key of NAVIGATION_COUNTERS."""

    group: str
    name: str
    route: str
    icon: str
    right: Right
    shortcut: str = ""
    counter: str = ""


ENTRIES = (
    Entry("", "Pipeline", "pipeline", "pipeline", Right.VIEW, "p"),
    Entry("", "Promotions", "promotions", "promotions", Right.VIEW, "m", "promotions"),
    Entry("", "Releases", "releases", "releases", Right.VIEW, "r"),
    Entry("", "Applications", "applications", "applications", Right.VIEW),
    Entry("Evidence", "Audit log", "audit", "audit", Right.AUDIT_VIEW, "a"),
    Entry("Manage", "Catalog", "catalog", "catalog", Right.CATALOG_VIEW),
    Entry("Manage", "Components", "components", "applications", Right.ADMINISTER),
)
"""Every entry there is; one whose route does not exist, or that the user may not open, is absent."""


def panel(request: HttpRequest) -> dict[str, Any]:
    """The context processor of every template."""
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    return {
        "panel_title": getattr(settings, "PANEL_TITLE", "Control panel"),
        "theme": theme_of(request),
        "navigation": SimpleLazyObject(lambda: navigation(request)) if signed_in else [],
        "account_name": _name_of(user) if signed_in else "",
        "account_roles": SimpleLazyObject(lambda: _roles_of(user)) if signed_in else [],
        "live_url": address("events") if signed_in else "",
        "search_url": address("search") or address("releases"),
        "search_label": "Find anything" if address("search") else "Find a release",
    }


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of entries that this user may open, each with its address, count and whether it is the current one."""
    shown = [(entry, address(entry.route)) for entry in ENTRIES]
    allowed = [(entry, url) for entry, url in shown if url and _may(request.user, entry.right)]
    current = max((url for _, url in allowed if _holds(url, request.path)), key=len, default="")
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry, url in allowed:
        row = {"name": entry.name, "url": url, "icon": entry.icon, "shortcut": entry.shortcut}
        groups.setdefault(entry.group, []).append({**row, "count": _count(entry.counter), "current": url == current})
    return [{"title": title, "entries": entries} for title, entries in groups.items()]


def address(route: str) -> str:
    """The address of a URL name, or nothing where there is no such page."""
    try:
        return reverse(route)
    except NoReverseMatch:
        return ""


def _holds(url: str, path: str) -> bool:
    return (
        path == url
        or (url != "/" and path.startswith(f"{url.rstrip('/')}/"))
        or (url == "/" and path.startswith("/environments/"))
    )


def _may(user: Any, right: Right) -> bool:
    """Ask the account for the right in any environment; accounts without such a method may look only."""
    ask: Callable[..., bool] | None = getattr(user, "may_anywhere", None)
    return ask(right) if ask else right in (Right.VIEW, Right.AUDIT_VIEW, Right.CATALOG_VIEW)


def _count(counter: str) -> int:
    counters: Mapping[str, str] = getattr(settings, "NAVIGATION_COUNTERS", {})
    return int(import_string(counters[counter])()) if counter in counters else 0


def _name_of(user: Any) -> str:
    return str(user.get_full_name() or user.get_username())


def _roles_of(user: Any) -> list[str]:
    return [str(role) for role in getattr(user, "role_names", lambda: [])()]
