"""`/environments`, `/audit`, `/openapi.json`, and what narrowed tokens see of them."""

from __future__ import annotations

import pytest
from django.test import Client

from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.permissions import Role
from deployments.models import Release
from tests import fixtures_deployments as rows
from tests.deployments.api.conftest import Caller, caller, problem

pytestmark = pytest.mark.django_db


def test_environments_tell_what_is_live_and_in_flight(admin: Caller, platform: Release) -> None:
    row = rows.started(
        rows.promotion(platform, Environment.objects.get(name="staging"), by=rows.person("e", Role.OPERATOR))
    )
    staging, production = admin.get("/environments").json()["items"]
    assert (staging["name"], staging["active"]["number"], staging["applications"]) == (
        "staging",
        row.number,
        {"Healthy": 4},
    )
    assert (production["after"], production["active"], production["release"]) == ("staging", None, None)


def test_applications_tell_what_was_last_observed(admin: Caller, platform: Release) -> None:
    items = admin.get("/environments/staging/applications").json()["items"]
    assert [item["name"] for item in items] == [f"{name}-staging" for name in sorted(rows.COMPONENTS)]
    assert {"name", "component", "sync", "health", "operation", "revision", "message"} <= items[0].keys()


def test_an_environment_outside_the_tokens_list_is_absent(platform: Release) -> None:
    narrowed = caller("read", environments=("staging",))
    assert [item["name"] for item in narrowed.get("/environments").json()["items"]] == ["staging"]
    there = problem(narrowed.get("/environments/production/applications"), 404)
    nowhere = problem(narrowed.get("/environments/nowhere/applications"), 404)
    assert there["detail"].replace("production", "nowhere") == nowhere["detail"]


def test_the_audit_of_a_narrowed_token_holds_its_environments_alone(platform: Release, admin: Caller) -> None:
    audit.record(actor=audit.SYSTEM, action="one", environment="staging")
    audit.record(actor=audit.SYSTEM, action="two", environment="production")
    narrowed = caller("read", environments=("staging",))
    assert {item["action"] for item in narrowed.get("/audit").json()["items"]} == {"one"}
    assert {"one", "two", "token.create"} <= {item["action"] for item in admin.get("/audit").json()["items"]}


def test_the_audit_goes_on_from_its_cursor(admin: Caller) -> None:
    for number in range(5):
        audit.record(actor=audit.SYSTEM, action=f"act.{number}", environment="staging")
    first = admin.get("/audit", limit=2).json()
    second = admin.get("/audit", limit=2, cursor=first["next"]).json()
    assert [item["action"] for item in first["items"] + second["items"]] == ["act.4", "act.3", "act.2", "act.1"]


def test_the_description_is_for_tokens_and_signed_in_people(admin: Caller) -> None:
    client = Client()
    problem(client.get("/api/v1/openapi.json"), 401)
    client.force_login(rows.person("vera", Role.VIEWER))
    told = client.get("/api/v1/openapi.json").json()
    assert told == admin.get("/openapi.json").json()
    assert "/api/v1/promotions/{identifier}/rollback" in told["paths"]
