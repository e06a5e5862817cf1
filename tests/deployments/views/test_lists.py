"""Promotions, releases, one environment, a new release."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from deployments.models import Release
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage

IMAGE = f"backend=registry.example/backend@sha256:{'b' * 64}"


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ("", ["done", "waiting"]),
        ("state=open", ["waiting"]),
        ("state=ended", ["done"]),
        ("state=succeeded", ["done"]),
        ("environment=staging", ["done"]),
        ("environment=production&state=open", ["waiting"]),
        ("environment=nowhere", []),
        ("release=11.3", ["waiting"]),
        ("release=%25", []),
        ("kind=release", ["done", "waiting"]),
        ("kind=rollback", []),
        ("requester=kaya", ["done", "waiting"]),
        ("requester=vera", []),
        ("since=2020-01-01&until=2099-12-31", ["done", "waiting"]),
        ("since=2099-12-31", []),
        ("until=2020-01-01", []),
        ("until=9999-12-31", ["done", "waiting"]),
    ],
)
def test_promotions_can_be_filtered(client: Client, stage: Stage, query: str, finds: list[str]) -> None:
    rows = {
        "done": make.live(stage.old, stage.staging, by=stage.elif_),
        "waiting": make.promotion(stage.new, stage.production, by=stage.elif_),
    }
    page = text(client, f"/promotions?{query}")
    assert [name for name, row in rows.items() if f'href="/promotions/{row.number}"' in page] == finds
    assert ("Nothing matches." in page) is not bool(finds)


def test_a_filter_that_finds_nothing_names_what_to_clear(client: Client) -> None:
    page = text(client, "/promotions?state=failed&requester=nobody")
    assert 'Clear one filter: <a href="?requester=nobody">state</a>, <a href="?state=failed">requested by</a>.' in page


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "/applications?environment=staging&q=none",
            '<a href="?q=none">environment</a>, <a href="?environment=staging">name</a>.',
        ),
        ("/applications?show=degraded&q=none", '<a href="?show=degraded">name</a>, <a href="?q=none">show</a>.'),
        ("/releases?q=none", '<a href="?">search</a>.'),
        ("/search?q=nonesuch", '<a href="?">search</a>.'),
        ("/?releases=used", '<a href="?">show</a>.'),
    ],
)
def test_every_list_that_finds_nothing_names_what_to_clear(
    client: Client, stage: Stage, address: str, said: str
) -> None:
    assert f"Clear one filter: {said}" in text(client, address)


def test_a_day_that_is_none_is_said_at_its_field_and_narrows_nothing(client: Client, stage: Stage) -> None:
    row = make.live(stage.old, stage.staging, by=stage.elif_)
    page = text(client, "/promotions?since=yesterday")
    assert "Write the day as 2026-11-23." in page
    assert f"/promotions/{row.number}" in page


def test_the_filter_works_without_script(client: Client) -> None:
    form = text(client, "/promotions?state=open").partition("data-filter")[2].partition("</form>")[0]
    assert '<option value="open" selected>' in form
    assert re.search(r'<button class="button" type="submit">Apply</button>', form)
    assert re.search(
        r'<label class="choice only-phone"><input type="checkbox" class="filter-more">', form
    )  # of no name: it narrows nothing


def test_an_environment_that_is_not_mine_finds_nothing(stage: Stage) -> None:
    make.live(stage.old, stage.production, by=stage.elif_)
    assert "Nothing matches." in text(stage.client(stage.stan), "/promotions?environment=production")


def test_no_promotions_says_so(client: Client) -> None:
    assert "No promotions yet." in text(client, "/promotions")


@pytest.mark.parametrize(("address", "older"), [("/releases", 55), ("/audit", 0)])
def test_long_lists_go_on_by_cursor(client: Client, stage: Stage, address: str, older: int) -> None:
    for number in range(55):
        make.release(f"2025.1.{number}")
    for number in range(5):
        make.live(make.release(f"2026.1.{number}"), stage.staging, by=stage.elif_)
    first = text(client, address)
    link = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = text(client, f"{address}{link}")
    assert first != second
    assert "Newer" in second


def test_a_cursor_that_no_list_gave_is_refused(client: Client) -> None:
    assert client.get("/releases?cursor=abc").status_code == 422


def test_releases_are_found_by_version_title_and_commit(client: Client) -> None:
    assert "2026.11.2" not in text(client, "/releases?q=11.3")
    assert "2026.11.2" in text(client, "/releases?q=title+of+2026.11.2")
    assert "2026.11.3" in text(client, f"/releases?q={make.COMMIT[:7]}")
    assert "Nothing matches." in text(client, "/releases?q=elephant")


def test_a_release_shows_its_images_and_where_it_went(client: Client, stage: Stage) -> None:
    row = make.live(stage.new, stage.staging, by=stage.elif_)
    page = text(client, "/releases/2026.11.3")
    assert "registry.example/backend@sha256:" in page
    assert f"/promotions/{row.number}" in page
    assert "/environments/production/promote?release=2026.11.3" in page


def test_a_release_says_where_it_is_and_why_it_cannot_go_on(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    make.live(stage.old, stage.production, by=stage.elif_)
    old = text(client, "/releases/2026.11.2")
    assert old.count("<span>Live</span>") == 2
    new = text(client, "/releases/2026.11.3")
    assert "Blocked: not verified in staging yet." in new
    assert f'id="promote-production-{stage.new.pk}" role="link" tabindex="0" aria-disabled="true"' in new
    assert 'href="/environments/staging/promote?release=2026.11.3"' in new
    make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))
    assert "Rolling Out" not in (moving := text(client, "/releases/2026.11.3"))
    assert "Rolling out" in moving


def test_a_release_that_was_replaced_says_by_which(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    make.live(stage.new, stage.staging, by=stage.elif_)
    places = text(client, "/releases/2026.11.2").partition('id="places"')[2].partition("</section>")[0]
    assert 'href="/releases/2026.11.3"' in places


def test_a_release_shows_which_images_differ_from_the_one_before(client: Client, stage: Stage) -> None:
    make.release("2026.11.4")
    images = {**stage.new.images, "backend": f"registry.example/backend@sha256:{'b' * 64}"}
    Release.objects.create(version="2026.11.5", commit="e" * 40, images=images, created_by="ci", title="<b>Bold</b>")
    page = text(client, "/releases/2026.11.5")
    step = page.partition('id="step"')[2].partition("</section>")[0]
    assert "sha256:aaaa…aaaa" in step
    assert "sha256:bbbb…bbbb" in step
    assert "frontend" not in step
    assert "any component may render differently" in step
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page
    assert "Same images, same commit" in text(client, "/releases/2026.11.4")
    assert "This is the first release." in text(client, "/releases/2026.11.2")


def test_a_release_that_does_not_exist_is_not_found(client: Client) -> None:
    assert client.get("/releases/9.9.9").status_code == 404


def test_an_environment_shows_lane_applications_and_history(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))
    page = text(client, "/environments/staging")
    assert "backend-staging" in page
    assert "2026.11.2 → 2026.11.3" in page
    assert "Wave 3 of 4" in page


def new_release(client: Client, **fields: Any) -> Any:
    values = {"version": "2026.11.4", "commit": "e" * 40, "images": IMAGE, "title": "", "notes": "Faster.", **fields}
    return client.post("/releases/new", values)


def test_a_new_release_is_stored_and_shown(client: Client) -> None:
    response = new_release(client)
    assert (response.status_code, response["Location"]) == (303, "/releases/2026.11.4")
    row = Release.objects.get(version="2026.11.4")
    assert (row.images["backend"], row.images["ai"]) == (
        IMAGE.partition("=")[2],
        f"registry.example/ai@sha256:{'a' * 64}",
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"commit": "abc"}, "The commit must be its full SHA of 40 hexadecimal characters."),
        ({"images": "backend"}, "Line 1 is not key=registry/name@sha256:…"),
        ({"images": f"{IMAGE}\n{IMAGE}"}, "Line 2 names backend a second time."),
        ({"images": "backend=registry/backend:latest"}, "The image backend is not named by its digest."),
        ({"images": IMAGE.replace("backend=", "unknown=")}, "No component uses an image unknown."),
        ({"version": "2026.11.3"}, "Release 2026.11.3 exists with other content."),
        ({"version": "a b"}, "a b is no version."),
    ],
)
def test_a_wrong_release_is_refused_at_its_field_and_keeps_the_text(
    client: Client, fields: dict[str, str], sentence: str
) -> None:
    response = new_release(client, **fields)
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert "Faster." in page
    assert Release.objects.count() == 2


def test_a_viewer_may_not_make_a_release(stage: Stage) -> None:
    browser = stage.client(stage.vera)
    assert browser.get("/releases/new").status_code == 403
    assert new_release(browser).status_code == 403
    assert "New release" not in text(browser, "/releases")


LISTS = (
    "/promotions",
    "/promotions?environment=staging&release=2026&state=ended&kind=release&requester=elif&since=2020-01-01&until=2099-01-01",
    "/releases",
    "/audit",
    "/environments/staging",
    "/releases/2026.11.3",
    "/releases/new",
)


@pytest.mark.parametrize("size", [2, 9])
def test_queries_do_not_grow(
    client: Client, stage: Stage, size: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(size):
        new = make.release(f"2026.12.{number}")
        make.live(new, stage.staging, by=stage.elif_)
        make.live(new, stage.production, by=stage.elif_)
    client.get("/")
    for address in LISTS:
        with django_assert_max_num_queries(13, info=address):
            text(client, address)


def test_the_form_of_a_new_release_shows_what_a_pipeline_runs_instead(client: Client) -> None:
    page = text(client, "/releases/new")
    assert "/api/v1/releases" in page
    assert "&quot;monitoring&quot;:" in page
