"""The audit log: filters, what is newer, and whether its chain holds."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client

from controlpanel.accounts.actors import SYSTEM
from controlpanel.core import audit, following
from controlpanel.core.models import AuditFollowed
from deployments.selectors import audits
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage
from tests.deployments.views.test_lists import text


def test_the_audit_log_can_be_filtered(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    assert "promotion.succeeded" in text(client, "/audit")
    assert "promotion.succeeded" in text(client, "/audit?action=promotion&environment=staging&who=panel")
    assert "Nothing matches." in text(client, "/audit?action=release")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("agreed owners", True),
        ('"both owners"', True),
        ('"owners both"', False),
        ("agreed -owners", False),
        ("staging", True),
    ],
)
def test_the_audit_log_is_searched_by_words_as_a_search_engine_is(
    client: Client, stage: Stage, words: str, found: bool
) -> None:
    row = make.promotion(stage.old, stage.staging, by=stage.elif_, reason="Agreed with both owners.")
    page = text(client, f"/audit?{urlencode({'action': 'promotion.requested', 'text': words})}")
    assert (f"promotion {row.number}" in page) is found
    assert found or "Nothing matches." in page


def test_words_are_looked_up_in_an_index(stage: Stage) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
    rows = audits.entries(SYSTEM, audits.Sought(text="both owners"))
    assert "audit_of_words" in rows.order_by().explain()


@pytest.mark.parametrize("door", ["schedule", "automation", "policy"])
def test_every_door_can_be_chosen(client: Client, door: str) -> None:
    assert f'<option value="{door}"' in text(client, "/audit")


def test_the_audit_log_hides_environments_that_are_not_mine(stage: Stage) -> None:
    row = make.promotion(stage.old, stage.production, by=stage.elif_)
    assert f"promotion {row.number}" not in text(stage.client(stage.stan), "/audit")


def test_the_audit_log_names_what_to_clear(client: Client) -> None:
    page = text(client, "/audit?who=nobody&action=token")
    assert 'Clear one filter: <a href="?action=token">who</a>, <a href="?who=nobody">action</a>.' in page


def test_the_audit_log_says_how_far_its_chain_was_followed(client: Client, stage: Stage) -> None:
    assert "Not verified yet" in text(client, "/audit")
    make.live(stage.old, stage.staging, by=stage.elif_)
    following.follow()
    page = text(client, "/audit")
    assert "Chain verified" in page
    assert audit.head() in page


def test_a_broken_chain_is_said_with_the_entry_that_does_not_fit(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    following.follow()
    AuditFollowed.objects.update(broken=2)
    page = text(client, "/audit")
    assert "Chain broken at entry 2" in page
    assert 'href="?cursor=3#entry-2"' in page
    assert 'id="entry-2"' in text(client, "/audit?cursor=3")


def test_newer_entries_are_counted_and_come_when_asked_for(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    address = re.search(r'id="newer"[^>]*hx-get="([^"]+)"', text(client, "/audit?action=promotion"))
    assert address
    headers = {"HX-Request": "true", "HX-Target": "newer"}
    part = client.get(html.unescape(address[1]), headers=headers).content.decode()
    assert "Newest entries" in part
    assert "<table" not in part
    make.promotion(stage.new, stage.staging, by=stage.elif_)
    part = client.get(html.unescape(address[1]), headers=headers).content.decode()
    assert re.search(r"\d newer entr", part)
    assert 'href="?action=promotion"' in part


@pytest.mark.parametrize("shown", ["", "-1", "x", "9" * 30, "٣"])
def test_a_place_that_no_page_shows_counts_from_the_first(client: Client, stage: Stage, shown: str) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    answer = client.get("/audit", {"shown": shown}, headers={"HX-Request": "true", "HX-Target": "newer"})
    assert "newer entr" in answer.content.decode()


def test_the_audit_log_starts_at_a_day(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    assert "promotion.succeeded" in text(client, "/audit?since=2020-01-01")
    assert 'Clear one filter: <a href="?">from</a>.' in text(client, "/audit?since=2099-12-31")
    assert "Write the day as 2026-11-23." in text(client, "/audit?since=yesterday")
