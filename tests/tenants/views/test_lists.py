"""The list of tenants, the grid and the export."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.core.permissions import Role
from tenants.choices import TenantState
from tenants.models import Readiness
from tenants.services.reviews import review_request
from tenants.services.tenants import tenant_offboard
from tests import fixtures_tenants as make
from tests.tenants.conftest import World
from tests.tenants.views.conftest import Browser, browser

MANY = 2000


def slugs(html: str) -> list[str]:
    """The tenants of a page, in its order."""
    return re.findall(r'data-key="tenant-([a-z0-9-]+)"', html)


ROWS = """
WITH made AS (
  INSERT INTO tenants_tenant (slug, display_name, state, owner, contacts, labels, search_text, created_by)
    SELECT 't' || lpad(one::text, 5, '0'), 'Tenant ' || one, 'active', '', '[]', '{}', 't' || lpad(one::text, 5, '0'), 'ada'
    FROM generate_series(%(start)s, %(count)s - 1) AS one RETURNING id, slug
)
INSERT INTO tenants_readiness (tenant_id, environment_id, slug, state, required, met, waived, signed, stale, unsigned, pending,
    is_ready, first_missing, first_reason, part_digest)
  SELECT made.id, place.id, made.slug, 'active', 5, 5, 0, 0, 0, 0, 0, true, '', '', ''
  FROM made, catalog_environment AS place
"""


def many(count: int, start: int = 0) -> None:
    """Ready tenants in rows, without their references."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS, {"start": start, "count": count})


def test_those_that_are_not_ready_come_first(world: World, ada: Browser) -> None:
    make.ready("aegean", world.production, by=world.ada)
    make.tenant("nova", by=world.ada, display_name="Nova Fertility")
    html = ada.text("/tenants")
    assert slugs(html) == ["nova", "aegean"]
    assert "1 of 2 are ready for production." in html
    assert "Nova Fertility" in html


def test_the_row_says_what_is_missing_first(world: World, ada: Browser) -> None:
    make.tenant("nova", by=world.ada)
    html = ada.text("/tenants")
    assert "0/5" in html
    assert "Not signed" in html
    assert re.search(r"<code>[A-Z0-9_]+</code>", html)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["nova", "aegean"]),
        ("q=AEG", ["aegean"]),
        ("q=fertility", ["nova"]),
        ("readiness=ready", ["aegean"]),
        ("readiness=not-ready", ["nova"]),
        ("readiness=ready&environment=staging", []),
        ("missing=DOKTOR365_SECRET", ["nova"]),
        ("state=active", ["nova", "aegean"]),
        ("state=suspended", []),
        ("state=nonsense&readiness=nonsense", ["nova", "aegean"]),
        ("environment=nowhere", ["nova", "aegean"]),
    ],
)  # fmt: skip
def test_the_list_can_be_narrowed(world: World, ada: Browser, query: str, found: list[str]) -> None:
    make.ready("aegean", world.production, by=world.ada)
    make.tenant("nova", by=world.ada, display_name="Nova Fertility")
    html = ada.text(f"/tenants?{query}")
    assert slugs(html) == found
    assert ("Nothing matches." in html) is not bool(found)


def test_a_filter_that_finds_nothing_names_what_to_clear(world: World, ada: Browser) -> None:
    html = ada.text("/tenants?readiness=ready&missing=DOKTOR365_SECRET")
    assert "Clear one filter:" in html
    assert '<a href="?missing=DOKTOR365_SECRET">readiness</a>' in html


def test_no_tenants_says_so_and_offers_to_add_one(world: World, ada: Browser) -> None:
    html = ada.text("/tenants")
    assert "No tenants yet." in html
    assert "Adding one restarts nothing." in html
    assert 'href="/onboarding"' in html


def test_the_list_goes_on_behind_the_last_row_and_shifts_nothing(world: World, ada: Browser) -> None:
    many(120)
    Readiness.objects.filter(slug__in=["t00007", "t00119"], environment=world.production).update(is_ready=False)
    seen: list[str] = []
    address = "/tenants"
    while address:
        html = ada.text(address)
        seen += slugs(html)
        link = re.search(r'href="([^"]*)" rel="next"', html)
        address = f"/tenants{link[1]}".replace("&amp;", "&") if link else ""
    assert seen == ["t00007", "t00119", *(f"t{number:05d}" for number in range(120) if number not in (7, 119))]


@pytest.mark.parametrize("cursor", ["abc", "2.nova", "0.", "0.NOVA", "0.a'b"])
def test_a_cursor_that_no_list_gave_is_refused(world: World, ada: Browser, cursor: str) -> None:
    ada.text(f"/tenants?cursor={cursor}", status=422)


@pytest.mark.parametrize(
    "address", ["/tenants", "/tenants?view=grid", "/tenants?q=t0&readiness=ready", "/reviews", "/onboarding"]
)
def test_a_page_takes_the_same_queries_however_many_tenants_there_are(world: World, ada: Browser, address: str) -> None:
    many(10)
    few = queries(ada, address)
    many(MANY, start=10)
    assert queries(ada, address) == few <= 16


def queries(by: Browser, address: str) -> int:
    by.text(address)
    with CaptureQueriesContext(connection) as caught:
        by.text(address)
    return len(caught)


def test_an_owner_sees_nobody_elses_tenant_counts_included(world: World, selin: Browser) -> None:
    make.tenant("nova", by=world.ada)
    make.ready("aegean", world.production, by=world.ada)
    for address in ("/tenants", "/tenants?view=grid", "/tenants?q=aegean", "/tenants.csv", "/reviews"):
        told = selin.client.get(address).content
        assert b"aegean" not in told.replace(b'value="aegean"', b"").replace(b"q=aegean", b""), address
    html = selin.text("/tenants")
    assert "1 tenant." in html
    assert "0 of 1 is ready for production." in html
    assert re.search(r'Tenants</span><span class="count"><span class="visually-hidden">, </span>1</span>', html)


def test_an_owner_is_led_from_the_first_page_to_the_own_tenants_and_finds_no_promotion_there(
    world: World, selin: Browser
) -> None:
    make.tenant("nova", by=world.ada)
    response = selin.client.get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "/tenants")
    html = selin.text("/tenants")
    for absent in ('href="/promotions"', 'href="/releases"', "Add tenant", "Promote", "/onboarding"):
        assert absent not in html


def test_whoever_may_see_nothing_at_all_is_refused(world: World) -> None:
    nobody = make.person("nobody", Role.TENANT_OWNER, tenant="nova")
    nobody.bindings.all().delete()
    browser(nobody).text("/", status=403)


def test_the_export_holds_the_filtered_list_and_no_place_of_a_secret(world: World, ada: Browser) -> None:
    make.ready("aegean", world.production, by=world.ada)
    make.put(make.tenant("nova", by=world.ada), world.production, by=world.ada)
    rows = exported(ada, "/tenants.csv?readiness=not-ready")
    assert [row["slug"] for row in rows] == ["nova"]
    assert rows[0]["production ready"] == "no"
    assert rows[0]["production required"] == "5"
    assert "vault" not in str(rows)


def test_a_cell_that_begins_like_a_formula_is_text(world: World, ada: Browser) -> None:
    make.tenant("nova", by=world.ada, display_name="=HYPERLINK(1)")
    assert exported(ada, "/tenants.csv")[0]["name"] == "'=HYPERLINK(1)"


def exported(by: Browser, address: str) -> list[dict[str, Any]]:
    response = by.client.get(address)
    assert response.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def test_the_grid_leads_from_each_cell_to_that_environment(world: World, ada: Browser) -> None:
    make.tenant("nova", by=world.ada)
    html = ada.text("/tenants?view=grid")
    for name in ("staging", "production"):
        assert f'href="/tenants/nova?environment={name}"' in html


def test_those_that_left_are_only_shown_where_they_are_asked_for(world: World, ada: Browser) -> None:
    nova = make.tenant("nova", by=world.ada)
    make.tenant("aegean", by=world.ada, state=TenantState.ONBOARDING)
    tenant_offboard(actor=world.ada, tenant=nova, reason="The contract has ended.")
    assert slugs(ada.text("/tenants")) == ["aegean"]
    assert slugs(ada.text("/tenants?state=offboarded")) == ["nova"]


def test_search_finds_tenants_by_slug_name_and_owner(world: World, ada: Browser) -> None:
    make.person("selin-aydin", Role.TENANT_OWNER, tenant="nova")
    make.tenant("nova", by=world.ada, display_name="Nova Fertility", owner="selin-aydin")
    for words in ("nova", "FERTILITY", "aydin"):
        assert 'href="/tenants/nova"' in ada.text(f"/search?q={words}")


def test_the_queue_of_reviews_counts_in_the_navigation_and_closes(world: World, selin: Browser, olga: Browser) -> None:
    nova, aegean = make.tenant("nova", by=world.ada), make.tenant("aegean", by=world.ada)
    for one in (nova, aegean):
        review_request(actor=world.olga, tenant=one, environment=world.staging, note=f"Look at {one.slug}.")
    assert "Look at aegean." in olga.text("/reviews")
    html = selin.text("/reviews")
    assert "Look at nova." in html
    assert "aegean" not in html
    assert '1<span class="visually-hidden"> open</span>' in html
    close = re.search(r'action="(/reviews/[0-9a-f-]+/close)"', html)
    assert close
    assert "Nobody waits for a sign-off." in selin.post(close[1])
    assert "Look at nova." in selin.text("/reviews?show=closed")


def test_a_review_of_another_tenant_cannot_be_closed(world: World, selin: Browser) -> None:
    asked = review_request(actor=world.olga, tenant=make.tenant("aegean", by=world.ada), environment=world.staging)
    assert selin.client.post(f"/reviews/{asked.pk}/close").status_code == 404
    asked.refresh_from_db()
    assert asked.closed_at is None
