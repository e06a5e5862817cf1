"""The page whose address is nearest to one that does not exist, among those that the reader may see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import NamedTuple

from django.http import HttpRequest
from django.urls import reverse

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.core.permissions import Right
from deployments.models import Application, Release
from deployments.selectors.history import promotions_listed
from deployments.selectors.interface import environments_seen_by
from tenants.selectors.listing import tenants_served

MOST = 2000
ALIKE, ALIKE_PAGES = 0.6, 0.75
PAGES = {
    Right.VIEW: (
        "promotions", "releases", "applications", "insights", "compare", "catalog", "approvals", "freezes", "plans", "search",
    ),
    Right.AUDIT_VIEW: ("audit",),
    Right.TENANT_VIEW: ("tenants", "reviews"),
    Right.SIGNED_IN: ("tokens", "account"),
    Right.ADMINISTER: ("status", "notifications"),
}  # fmt: skip
"""Names of pages, by the right that opening them asks for."""


class Nearest(NamedTuple):
    """Its name as people say it, and its address."""

    name: str
    url: str


def nearest(request: HttpRequest) -> Nearest | None:
    """What was probably meant; None where nothing is near, or where there is nothing to see."""
    actor = of_request(request)
    kind, _, rest = request.path.strip("/").partition("/")
    wanted = rest.partition("/")[0]
    if kind in KINDS and wanted:
        route, right, names = KINDS[kind]
        found = _closest(wanted, names(actor), ALIKE) if actor.may(right) else ""
        return Nearest(found, reverse(route, args=[found])) if found else None
    found = _closest(request.path.rstrip("/"), _pages(actor), ALIKE_PAGES)
    return Nearest(found, found) if found else None


def _closest(wanted: str, names: Iterable[str], alike: float) -> str:
    """The nearest one, whatever its case."""
    by_lower = {name.lower(): name for name in names}
    return next((by_lower[found] for found in get_close_matches(wanted[:200].lower(), by_lower, 1, alike)), "")


def _pages(actor: Actor) -> list[str]:
    return [reverse(page) for right, names in PAGES.items() if actor.may(right) for page in names]


def _environments(actor: Actor) -> list[str]:
    return [place.name for place in environments_seen_by(actor)]


def _applications(actor: Actor) -> list[str]:
    rows = Application.objects.filter(environment__in=environments_seen_by(actor))
    return list(rows.values_list("name", flat=True)[:MOST])


def _releases(actor: Actor) -> list[str]:
    return list(Release.objects.order_by("-pk").values_list("version", flat=True)[:MOST])


def _promotions(actor: Actor) -> list[str]:
    rows = promotions_listed(actor).order_by("-number").values_list("number", flat=True)[:MOST]
    return [str(number) for number in rows]


def _tenants(actor: Actor) -> list[str]:
    return list(tenants_served(actor).order_by("slug").values_list("slug", flat=True)[:MOST])


KINDS: dict[str, tuple[str, Right, Callable[[Actor], list[str]]]] = {
    "environments": ("environment", Right.VIEW, _environments),
    "applications": ("application", Right.VIEW, _applications),
    "releases": ("release", Right.VIEW, _releases),
    "promotions": ("promotion", Right.VIEW, _promotions),
    "tenants": ("tenant", Right.TENANT_VIEW, _tenants),
}
