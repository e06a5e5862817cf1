"""What programs read of a verification: its checks, who failed them, and everybody's evidence in portions."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Role
from deployments.choices import State
from deployments.models import Promotion, Release
from tests import fixtures_deployments as rows
from tests.deployments.api.conftest import Caller, caller, problem
from tests.fixtures_verification import stopped

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(platform: Release) -> Promotion:
    place = Environment.objects.get(name="staging")
    return stopped(rows.promotion(platform, place, by=rows.person("e", Role.OPERATOR)))


def test_a_promotion_tells_who_failed_what_with_request_answer_and_trace(admin: Caller, failed: Promotion) -> None:
    health, errors = admin.get(f"/promotions/{failed.number}").json()["verifications"]
    assert (health["state"], health["total"], health["passing"]) == ("failed", 60, 57)
    assert [one["tenant"] for one in health["failed"]] == ["clinic-000", "clinic-001", "clinic-002"]
    first = health["failed"][0]
    assert (first["proof"], first["samples"], first["failures"]) == ("failed", 2, 2)
    assert first["request"] == "GET /api/health, X-Tenant: clinic-000"
    assert len(first["trace_id"]) == 32
    assert (errors["state"], errors["note"]) == ("skipped", "STAGING_PROMETHEUS_URL is not set.")


def test_evidence_of_everybody_comes_in_portions(admin: Caller, failed: Promotion) -> None:
    first = admin.get(f"/promotions/{failed.number}/evidence", limit=40).json()
    rest = admin.get(f"/promotions/{failed.number}/evidence", limit=40, cursor=first["next"]).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (40, 20, None)
    assert not admin.get(f"/promotions/{failed.number}/evidence", check="errors").json()["items"]


def test_evidence_of_a_foreign_environment_is_absent(failed: Promotion) -> None:
    narrowed = caller("read", environments=("production",))
    problem(narrowed.get(f"/promotions/{failed.number}/evidence"), 404)


def test_failed_checks_are_ignored_with_a_reason_or_asked_again(admin: Caller, failed: Promotion) -> None:
    problem(admin.post(f"/promotions/{failed.number}/ignore", {"reason": "short"}), 422)
    told = admin.post(f"/promotions/{failed.number}/ignore", {"reason": "These clinics are closed."}).json()
    assert told["state"] == State.VERIFYING
    assert told["verifications"][0]["ignored_reason"] == "These clinics are closed."


def test_reading_costs_as_many_queries_for_many_failures_as_for_few(admin: Caller, failed: Promotion) -> None:
    admin.get("/promotions")  # the first use of a token is noted
    with CaptureQueriesContext(connection) as few:
        admin.get("/promotions")
    failed.verifications.get(name="health").evidence.update(proof="failed", failures=2)
    with CaptureQueriesContext(connection) as many:
        told = admin.get("/promotions").json()
    assert len(told["items"][0]["verifications"][0]["failed"]) == 50
    assert len(many) == len(few)
