"""Every page there is: as many queries for much as for little, and small enough to send."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.urls import resolve

from tests.bench.pages import PAGES, browser_of_everyone, grow, look
from tests.test_permissions import routes as every_route

MOST_KILOBYTES = 60.0
MOST_QUERIES = 12
MOST = {"rollback": 16}
"""What is taken back, what may be gone back to and what stays are asked besides what the promote page asks."""
NO_PAGES = {
    "plan",
    "healthz",
    "readyz",
    "metrics",
    "events",
    "theme",
    "login",
    "logout",
    "sessions_end",
    "token_end",
    "audit_export",
}
"""What is read by machines, only acted on, or read before anybody has signed in."""
ACTS = (
    "_test", "_replay", "_abort", "_retry", "_claim", "_ignore", "_refresh", "_restart", "_close", "_approve", "_reject", "_confirm",
    "_override", "_everything", "_lift", "_end", "_hold",
)  # fmt: skip


def test_no_page_is_left_out() -> None:
    named = {resolve(address.partition("?")[0]).url_name for address in PAGES.values()}
    pages = {
        route.name
        for route in every_route()
        if route.method == "any"
        and route.name not in NO_PAGES
        and not route.name.endswith(ACTS)
        and _is_ours(route.path)
    }
    assert pages - named == set()


def _is_ours(path: str) -> bool:
    """Pages of tenants are looked at in their own tests; an address of the API is none."""
    return not path.startswith(("/tenants", "/^api", "/api"))


@pytest.mark.django_db
def test_queries_do_not_grow_and_pages_stay_small(settings: Any) -> None:
    settings.COMPONENT_SHEET = True
    with connection.cursor() as cursor:  # tests before may have used numbers up
        cursor.execute("ALTER SEQUENCE deployments_promotion_number RESTART")
    browser = browser_of_everyone()
    grow(2, 20)
    little = {name: look(browser, address, times=0) for name, address in PAGES.items()}
    grow(8, 240)
    much = {name: look(browser, address, times=0) for name, address in PAGES.items()}
    grown = {
        name: (little[name].queries, much[name].queries) for name in PAGES if much[name].queries > little[name].queries
    }
    assert grown == {}
    too_many = {name: one.queries for name, one in much.items() if one.queries > MOST.get(name, MOST_QUERIES)}
    assert too_many == {}
    assert {name: one.kilobytes for name, one in much.items() if one.kilobytes > MOST_KILOBYTES} == {}
