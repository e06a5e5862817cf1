"""`/api/v1/releases`."""

from __future__ import annotations

from typing import Any

import pytest

from controlpanel.core.models import AuditEvent
from deployments.models import Release
from tests import fixtures_deployments as rows
from tests.deployments.api.conftest import Caller, problem

pytestmark = pytest.mark.django_db
COMMIT = "1" * 40


def asked(version: str = "2026.11.2", **more: Any) -> dict[str, Any]:
    return {"version": version, "source": {"commit": COMMIT}, **more}


def test_a_release_is_stored_complete_with_the_images_of_the_one_before(admin: Caller, platform: Release) -> None:
    image = f"registry.example/backend@sha256:{'b' * 64}"
    response = admin.post("/releases", asked(images={"backend": image}, notes="Faster search."))
    assert response.status_code == 201
    told = response.json()
    assert told["version"] == "2026.11.2"
    assert told["source"] == {"commit": COMMIT}
    assert told["notes"] == "Faster search."
    assert told["images"] == {**platform.images, "backend": image}
    assert admin.get("/releases/2026.11.2").json() == told


def test_the_same_call_with_the_same_key_changes_nothing_and_answers_the_same(admin: Caller, platform: Release) -> None:
    first = admin.post("/releases", asked(), key="k")
    events = AuditEvent.objects.count()
    second = admin.post("/releases", asked(), key="k")
    assert (second.status_code, second.json()) == (201, first.json())
    assert AuditEvent.objects.count() == events


def test_a_key_that_was_used_for_another_request_is_refused(admin: Caller, platform: Release) -> None:
    admin.post("/releases", asked(), key="k")
    assert problem(admin.post("/releases", asked("2026.11.3"), key="k"), 422)["field"] == "Idempotency-Key"
    assert not Release.objects.filter(version="2026.11.3").exists()


def test_a_refused_call_may_be_repeated_with_its_key(admin: Caller, platform: Release) -> None:
    problem(admin.post("/releases", asked(images={"nothing": f"r/x@sha256:{'b' * 64}"}), key="k"), 422)
    assert admin.post("/releases", asked(), key="k").status_code == 201


def test_a_version_that_exists_with_other_content_is_a_conflict(admin: Caller, platform: Release) -> None:
    admin.post("/releases", asked())
    assert problem(admin.post("/releases", asked() | {"source": {"commit": "2" * 40}}), 409)["remedy"]


def test_a_release_that_does_not_exist_is_absent_and_says_how_one_comes_to_be(admin: Caller, platform: Release) -> None:
    assert "POST /api/v1/releases" in problem(admin.get("/releases/none"), 404)["remedy"]


def test_the_list_goes_on_from_its_cursor_newest_first_without_doubling_or_losing_any(
    admin: Caller, platform: Release
) -> None:
    for number in range(2, 8):
        rows.release(f"2026.11.{number}")
    told = admin.get("/releases", limit=3).json()
    seen = [item["version"] for item in told["items"]]
    rows.release("2026.11.9")  # a new one shifts nothing
    while told["next"] is not None:
        told = admin.get("/releases", limit=3, cursor=told["next"]).json()
        seen += [item["version"] for item in told["items"]]
    assert seen == [f"2026.11.{number}" for number in range(7, 0, -1)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "-1"}, "cursor"),
    ],
)
def test_limit_and_cursor_have_bounds(admin: Caller, query: dict[str, Any], field: str) -> None:
    assert problem(admin.get("/releases", **query), 422)["field"] == field
