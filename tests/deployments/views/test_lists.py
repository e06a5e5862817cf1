"""Promotions, releases, one environment, the audit log, a new release."""

from __future__ import annotations

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


def test_promotions_can_be_filtered_by_environment_and_state(client: Client, stage: Stage) -> None:
    done = make.live(stage.old, stage.staging, by=stage.elif_)
    waiting = make.promotion(stage.new, stage.staging, by=stage.elif_)
    everything = text(client, "/promotions")
    assert f"/promotions/{done.number}" in everything
    assert f"/promotions/{waiting.number}" in everything
    assert f"/promotions/{done.number}" not in text(client, "/promotions?state=open")
    assert f"/promotions/{waiting.number}" not in text(client, "/promotions?state=succeeded")
    assert "Nothing matches." in text(client, "/promotions?environment=production")


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


def test_the_audit_log_can_be_filtered(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    assert "promotion.succeeded" in text(client, "/audit")
    assert "promotion.succeeded" in text(client, "/audit?action=promotion&environment=staging&who=panel")
    assert "Nothing matches." in text(client, "/audit?action=release")


def test_the_audit_log_hides_environments_that_are_not_mine(stage: Stage) -> None:
    row = make.promotion(stage.old, stage.production, by=stage.elif_)
    assert f"promotion {row.number}" not in text(stage.client(stage.stan), "/audit")


@pytest.mark.parametrize(
    "address", ["/promotions", "/releases", "/audit", "/environments/staging", "/releases/2026.11.3", "/releases/new"]
)
@pytest.mark.parametrize("size", [2, 9])
def test_queries_do_not_grow(
    client: Client, stage: Stage, address: str, size: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(size):
        new = make.release(f"2026.12.{number}")
        make.live(new, stage.staging, by=stage.elif_)
        make.live(new, stage.production, by=stage.elif_)
    client.get("/")
    with django_assert_max_num_queries(12):
        text(client, address)
