"""The search field: what it finds, what it hides."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from controlpanel.core.permissions import Role
from deployments.models import Release
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage


def found(client: Client, text: str) -> dict[str, list[str]]:
    """The addresses of the hits, by the heading of their panel."""
    response = client.get(f"/search?q={quote(text)}")
    assert response.status_code == 200
    panels = re.findall(r'<h2 id="(\w+)-title".*?<ul class="hits".*?>(.*?)</ul>', response.content.decode(), re.DOTALL)
    return {kind: re.findall(r'href="([^"]+)"', rows) for kind, rows in panels}


@pytest.fixture
def number(stage: Stage) -> int:
    """A promotion of the old release to staging that went all the way."""
    return int(make.live(stage.old, stage.staging, by=stage.elif_).number)


@pytest.mark.parametrize(
    ("text", "kind", "first"),
    [
        ("2026.11.3", "releases", "/releases/2026.11.3"),
        ("title of 2026.11.2", "releases", "/releases/2026.11.2"),
        (make.COMMIT[:7], "releases", "/releases/2026.11.3"),
        ("{number}", "promotions", "/promotions/{number}"),
        ("#{number}", "promotions", "/promotions/{number}"),
        ("Agreed with both", "promotions", "/promotions/{number}"),
        (make.COMMIT[:7].upper(), "commits", "/promotions/{number}?tab=commit"),
        ("backend-prod", "applications", "/environments/production"),
        ("Staging", "environments", "/environments/staging"),
        ("env/prod", "environments", "/environments/production"),
        ("kaya", "people", "/promotions?requester=elif"),
    ],
)
def test_it_finds(client: Client, number: int, text: str, kind: str, first: str) -> None:
    hits = found(client, text.format(number=number))
    wanted = first.format(number=number)
    if kind == "applications":  # their own page, where there is one
        assert hits[kind][0] in (wanted, "/applications/backend-production")
    else:
        assert hits[kind][0] == wanted


def test_the_exact_version_comes_first_among_many(client: Client) -> None:
    make.release("2026.12.1")
    for patch in range(10, 22):
        make.release(f"2026.12.{patch}")
    hits = found(client, "2026.12.1")["releases"]
    assert (hits[0], len(hits)) == ("/releases/2026.12.1", 8)


@pytest.mark.parametrize("text", ["", "  ", "elephant", "%", "_", "\\", "'; --", "9" * 30, "¼", "<script>"])
def test_odd_words_find_nothing_and_break_nothing(client: Client, number: int, text: str) -> None:
    assert found(client, text) == {}


def test_names_from_outside_are_text(client: Client) -> None:
    images = Release.objects.all()[0].images
    Release.objects.create(version="9", commit="e" * 40, images=images, created_by="x", title="<img src=x onerror=a>")
    page = client.get("/search?q=%3Cimg").content.decode()
    assert "&lt;img src=x onerror=a&gt;" in page
    assert "<img" not in page


def test_environments_that_are_not_mine_are_not_found(stage: Stage) -> None:
    row = make.live(stage.old, stage.production, by=stage.elif_)
    browser = stage.client(stage.stan)
    for text in (str(row.number), "production", make.COMMIT[:8], "Agreed"):
        assert f"/promotions/{row.number}" not in str(found(browser, text))
        assert "production" not in str(found(browser, text))


def test_whoever_may_look_at_nothing_has_no_field(stage: Stage) -> None:
    browser = stage.client(make.person("selin", Role.TENANT_OWNER))
    answer = browser.get("/search?q=2026")
    assert answer.status_code == 403
    assert 'id="search"' not in browser.get("/settings/components").content.decode()


@pytest.mark.parametrize("size", [2, 12])
def test_queries_do_not_grow(
    client: Client, stage: Stage, size: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(size):
        make.live(make.release(f"2026.12.{number}"), stage.staging, by=stage.elif_)
    client.get("/")
    with django_assert_max_num_queries(12):
        client.get("/search?q=2026")
