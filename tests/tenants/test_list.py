"""The list of tenants: its order, its filters, its portions, and as many queries for thousands as for a hundred."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.core import spreadsheets
from controlpanel.core.errors import InvalidError
from controlpanel.core.permissions import Role
from tenants.choices import Standing
from tenants.selectors import checklists, listing, parts, readiness, seeing
from tenants.selectors.listing import Filter
from tests import fixtures_tenants as make
from tests.tenants.conftest import World


def slugs(world: World, **chosen: str) -> list[str]:
    places = [world.staging, world.production]
    return [row.tenant.slug for row in listing.tenants_portion(world.ada, world.staging, places, Filter(**chosen)).rows]


@pytest.fixture
def four(world: World) -> World:
    """Two ready ones, one whose reference fails, one that is new."""
    for slug in ("aegean", "zenith", "nova"):
        make.ready(slug, world.staging, by=world.ada)
    make.tenant(
        "mira", by=world.ada, display_name="Mira Dental", owner=make.person("selin", Role.TENANT_OWNER).username
    )
    make.verify(
        world.staging, standing=Standing.FAILING, message="no such key", tenant__slug="nova", key=make.SECRETS[0]
    )
    return world


def test_those_not_ready_come_first(four: World) -> None:
    assert slugs(four) == ["mira", "nova", "aegean", "zenith"]


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({"text": "DENTAL"}, ["mira"]),
    ({"text": "selin"}, ["mira"]),
    ({"text": "%"}, []),
    ({"readiness": "ready"}, ["aegean", "zenith"]),
    ({"readiness": "not-ready"}, ["mira", "nova"]),
    ({"readiness": "pending"}, []),
    ({"readiness": "unsigned"}, ["mira"]),
    ({"readiness": "nonsense"}, []),
    ({"missing": make.SECRETS[0]}, ["mira", "nova"]),
    ({"missing": make.SECRETS[1]}, ["mira"]),
    ({"missing": make.SECRETS[1], "text": "nova"}, []),
    ({"state": "onboarding"}, []),
]


def test_filters_find_what_they_say(four: World) -> None:
    for chosen, found in FILTERS:
        assert slugs(four, **chosen) == found, chosen
        assert listing.tenants_count(four.ada, four.staging, Filter(**chosen))["total"] == len(found), chosen


def test_portions_follow_each_other_and_lose_nothing(four: World) -> None:
    places, seen, cursor = [four.staging], [], ""
    for limit in (1, 2, 3):
        portion = listing.tenants_portion(four.ada, four.staging, places, cursor=cursor, limit=limit)
        seen += [row.tenant.slug for row in portion.rows]
        cursor = portion.following or ""
    assert (seen, cursor) == (["mira", "nova", "aegean", "zenith"], "")
    for wrong in ("x.nova", "nova", "n", "r." + "a" * 64):
        with pytest.raises(InvalidError):
            listing.tenants_portion(four.ada, four.staging, places, cursor=wrong)


def test_a_spreadsheet_runs_nothing(four: World) -> None:
    make.tenant("evil", by=four.ada, display_name="=cmd|' /C calc'!A0")
    lines = list(listing.tenants_export(four.ada, four.staging, [four.staging]))
    assert lines[0][:4] == ["slug", "name", "state", "owner"]
    assert [spreadsheets.line(line[:2]) for line in lines if line[0] == "evil"] == ["evil,'=cmd|' /C calc'!A0\r\n"]


def reads(world: World, slug: str) -> dict[str, Callable[[], Any]]:
    """Every read that a page, a gate or a worker makes."""
    places, tenant = [world.staging, world.production], seeing.tenant_find(world.ada, slug)
    owner = make.as_role(Role.TENANT_OWNER, tenant=slug)
    return {
        "list": lambda: listing.tenants_portion(world.ada, world.staging, places),
        "list, later": lambda: listing.tenants_portion(world.ada, world.staging, places, cursor="r.copy-00050"),
        "search": lambda: listing.tenants_portion(world.ada, world.staging, places, Filter(text="tenant 7")),
        "missing": lambda: listing.tenants_portion(world.ada, world.staging, places, Filter(missing=make.SECRETS[0])),
        "count": lambda: listing.tenants_count(world.ada, world.staging),
        "own list": lambda: listing.tenants_portion(owner, world.staging, places),
        "found": lambda: listing.tenants_found(world.ada, "tenant 7", 8),
        "checklist": lambda: checklists.checklist(tenant, world.staging),
        "history": lambda: list(checklists.tenant_history(world.ada, tenant)[:50]),
        "reviews": lambda: list(checklists.reviews_open(world.ada)),
        "not ready": lambda: readiness.not_ready(world.staging),
        "not ready for a release": lambda: readiness.not_ready(world.staging, "2026.12.0"),
        "counts": lambda: readiness.readiness_counts(places),
        "parts": lambda: parts.parts(world.staging),
        "promoted parts": lambda: parts.parts(world.staging, "promoted"),
        "pending": lambda: list(parts.pending(world.staging)),
    }


def counted(world: World, slug: str) -> dict[str, int]:
    found = {}
    for name, read in reads(world, slug).items():
        with CaptureQueriesContext(connection) as queries:
            read()
        found[name] = len(queries)
    return found


def test_thousands_take_as_many_queries_as_a_hundred(world: World) -> None:
    ready = make.ready("nova", world.staging, by=world.ada)
    lacking = make.tenant("atlas", by=world.ada)
    make.copies(ready, 90)
    make.copies(lacking, 10, prefix="lacking-")
    few = counted(world, "nova")
    make.copies(ready, 2900, prefix="more-")
    make.copies(lacking, 100, prefix="lost-")
    assert [name for name, count in counted(world, "nova").items() if count > few[name]] == []
    assert max(few.values()) <= 6, few
    assert readiness.readiness_counts([world.staging])["staging"].total == 3102
    assert len(readiness.not_ready(world.staging)) == 111
