"""What the frame of every page needs: navigation, theme, account, addresses.

This package is a leaf, so what only other apps know is asked through `PANEL_HOOKS` of the settings, by dotted path:
`title` () -> str, `actor` (request) -> an object with `may(right)`, `roles` (request) -> list of words, `warnings`
(request) -> list of {"title", "text"} that stand above every page, `count.<counter>` (request) -> int, and `nearest`
(request) -> an object with `name` and `url` of the page that was probably meant where there is none, or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from controlpanel.core.faults import again
from controlpanel.core.permissions import Right
from controlpanel.core.views.theme import theme_of


@dataclass(frozen=True)
class Entry:
    """One page of the navigation: `route` is a URL name, `right` what opening it asks for (for everything, if
    `everywhere`), `counter` a hook that counts what `counted` says, `below` other addresses that belong to it."""

    group: str
    name: str
    route: str
    icon: str
    right: Right
    shortcut: str = ""
    counter: str = ""
    everywhere: bool = False
    counted: str = ""
    below: tuple[str, ...] = ()

    def is_open_to(self, actor: Any) -> bool:
        """Whether the actor may open it."""
        return bool(actor.may(self.right, "") if self.everywhere else actor.may(self.right))


ENTRIES = (
    Entry("", "Pipeline", "pipeline", "pipeline", Right.VIEW, "p", below=("/environments",)),
    Entry(
        "", "Promotions", "promotions", "promotions", Right.VIEW, "m", "promotions", counted="active", below=("/plans",)
    ),
    Entry("", "Approvals", "approvals", "circle-check", Right.VIEW, "", "approvals", counted="waiting for you"),
    Entry("", "Freezes", "freezes", "ring-pause", Right.VIEW),
    Entry("", "Releases", "releases", "releases", Right.VIEW, "r"),
    Entry("", "Applications", "applications", "applications", Right.VIEW),
    Entry("", "Tenants", "tenants", "tenants", Right.TENANT_VIEW, "t", "tenants", below=("/onboarding",)),
    Entry("", "Reviews", "reviews", "person", Right.TENANT_VIEW, "", "reviews", counted="open"),
    Entry("Evidence", "Insights", "insights", "insights", Right.VIEW),
    Entry("Evidence", "Audit log", "audit", "audit", Right.AUDIT_VIEW, "a"),
    Entry("Manage", "Catalog", "catalog", "catalog", Right.CATALOG_VIEW),
    Entry("Manage", "API tokens", "tokens", "key", Right.SIGNED_IN),
    Entry("Manage", "Notifications", "notifications", "bell", Right.ADMINISTER, everywhere=True),
    Entry("Manage", "System status", "status", "status", Right.ADMINISTER, everywhere=True),
    Entry("Manage", "Components", "components", "applications", Right.ADMINISTER),
)
"""Every entry there is; one whose route does not exist, or that the user may not open, is absent."""


def panel(request: HttpRequest) -> dict[str, Any]:
    """The context processor of every template."""
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    return {
        "panel_title": SimpleLazyObject(lambda: _asked("title", default="Control panel")),
        "theme": theme_of(request),
        "navigation": SimpleLazyObject(lambda: navigation(request)) if signed_in else [],
        "account_name": str(user) if signed_in else "",
        "account_roles": SimpleLazyObject(lambda: _asked("roles", request, default=[])) if signed_in else [],
        "warnings": SimpleLazyObject(lambda: _asked("warnings", request, default=[])) if signed_in else [],
        "again": SimpleLazyObject(lambda: again(request)),
        "nearest": SimpleLazyObject(lambda: _asked("nearest", request, default=None)) if signed_in else None,
        "account_url": address("account") if signed_in else "",
        "live_url": address("events") if signed_in else "",
        "search_url": SimpleLazyObject(lambda: _search_url(request)) if signed_in else "",
        "search_label": "Find anything",
        "search_text": request.GET.get("q", "") if request.path == address("search") else "",
    }


def _search_url(request: HttpRequest) -> str:
    """Where the field of the header leads; nowhere for whoever may look at nothing."""
    actor = _asked("actor", request, default=None)
    return address("search") if actor is None or actor.may(Right.VIEW) else ""


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of entries that this user may open, each with its address, count and whether it is the current one."""
    actor = _asked("actor", request, default=None)
    shown = [(entry, address(entry.route)) for entry in ENTRIES if actor is None or entry.is_open_to(actor)]
    present = [(entry, url) for entry, url in shown if url]
    current = max((url for entry, url in present if _holds(entry, url, request.path)), key=len, default="")
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry, url in present:
        count = _asked(f"count.{entry.counter}", request, default=0) if entry.counter else 0
        row = {"name": entry.name, "url": url, "icon": entry.icon, "shortcut": entry.shortcut, "counted": entry.counted}
        groups.setdefault(entry.group, []).append({**row, "count": count, "current": url == current})
    return [{"title": title, "entries": entries} for title, entries in groups.items()]


def address(route: str) -> str:
    """The address of a URL name, or nothing where there is no such page (the component sheet: in development only)."""
    if route == "components" and not (settings.DEBUG or getattr(settings, "COMPONENT_SHEET", False)):
        return ""
    try:
        return reverse(route)
    except NoReverseMatch:
        return ""


def _holds(entry: Entry, url: str, path: str) -> bool:
    """Whether the page at `path` belongs to the entry at `url`."""
    return path == url or any(
        path == one or path.startswith(f"{one}/") for one in (url.rstrip("/"), *entry.below) if one
    )


def _asked(hook: str, *arguments: Any, default: Any) -> Any:
    hooks: Mapping[str, str] = getattr(settings, "PANEL_HOOKS", {})
    return import_string(hooks[hook])(*arguments) if hook in hooks else default
