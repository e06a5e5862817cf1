"""Whatever goes wrong is answered as problem details, with a remedy and without a trace of our insides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel.accounts.models import ApiToken
from controlpanel.accounts.tokens import token_revoke
from controlpanel.core import audit
from controlpanel.core.permissions import Role
from deployments.api import releases
from tests.deployments.api.conftest import Caller, caller, problem
from tests.fixtures_deployments import person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer cp_wrong", "Basic cp_wrong", "Bearer other", "cp_wrong"])
def test_a_call_without_a_valid_token_is_answered_401(header: str) -> None:
    headers = {"Authorization": header} if header else {}
    response = Client().get("/api/v1/releases", headers=headers)
    assert problem(response, 401)["remedy"]
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_token_is_answered_401(admin: Caller) -> None:
    assert admin.get("/releases").status_code == 200
    token_revoke(actor=audit.SYSTEM, token=admin.token)
    problem(admin.get("/releases"), 401)


def test_an_expired_token_is_answered_401(admin: Caller) -> None:
    ApiToken.objects.filter(pk=admin.token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    problem(admin.get("/releases"), 401)


def test_the_token_of_a_person_who_was_switched_off_is_answered_401() -> None:
    user = person("ada", Role.ADMINISTRATOR)
    theirs = caller("admin", user=user)
    assert theirs.get("/releases").status_code == 200
    user.is_active = False
    user.save()
    problem(theirs.get("/releases"), 401)


def test_a_session_is_no_way_into_the_api() -> None:
    client = Client()
    client.force_login(person("ada", Role.ADMINISTRATOR))
    problem(client.get("/api/v1/releases"), 401)


def test_a_token_without_the_scope_is_refused_and_told_which_it_needs() -> None:
    told = problem(caller("read").post("/releases", {"version": "1", "source": {"commit": "c" * 40}}), 403)
    assert "release" in told["remedy"]


def test_a_token_of_a_person_may_do_no_more_than_the_person() -> None:
    theirs = caller("admin", user=person("vera", Role.VIEWER))
    assert theirs.get("/releases").status_code == 200
    problem(theirs.post("/releases", {"version": "1", "source": {"commit": "c" * 40}}), 403)


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/releases", "/api/v1/releases/"])
def test_an_unknown_address_is_a_problem_not_a_page(path: str, admin: Caller) -> None:
    problem(Client().get(path, headers=admin.headers), 404)


@pytest.mark.parametrize(("method", "path"), [("put", "/releases"), ("delete", "/promotions/1"), ("get", "/preflight")])
def test_a_method_that_does_not_fit_is_named_with_those_that_do(method: str, path: str, admin: Caller) -> None:
    response = getattr(Client(), method)(f"/api/v1{path}", headers=admin.headers)
    assert problem(response, 405)["remedy"].startswith("Use ")
    assert response.headers["Allow"]


def test_a_body_that_is_no_json_is_not_understood(admin: Caller) -> None:
    response = Client().post("/api/v1/releases", "{", content_type="application/json", headers=admin.headers)
    assert "JSON" in problem(response, 400)["remedy"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "version"),
        ({"version": "1"}, "source"),
        ({"version": "1", "source": {}}, "source.commit"),
        ({"version": "1", "source": {"commit": "c" * 40}, "imagess": {}}, "imagess"),
        ({"version": "1", "source": {"commit": "c" * 40}, "images": {"backend": 3}}, "images.backend"),
        ({"version": "a\x00b", "source": {"commit": "c" * 40}}, "version"),
        ({"version": "1", "source": {"commit": "abc"}}, "commit"),
        ({"version": "1", "source": {"commit": "c" * 40}, "images": {"backend": "x:latest"}}, "images.backend"),
        ([], ""),
    ],
)
def test_a_wrong_value_is_named_by_its_field(body: Any, field: str, admin: Caller, platform: object) -> None:
    told = problem(admin.post("/releases", body), 422)
    assert told["field"] == field
    assert told["remedy"]


def test_a_fault_of_ours_is_answered_with_a_reference_and_nothing_else(
    admin: Caller, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(version: str) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(releases, "find_release", broken)
    told = problem(admin.get("/releases/1"), 500)
    assert told["reference"] in told["detail"]
    assert "hunter2" not in str(told)


def test_answers_are_not_kept_by_caches(admin: Caller) -> None:
    assert admin.get("/releases").headers["Cache-Control"] == "no-store"
