"""Whoever tries what they may not is written down, with door, right and place; who only looks is not."""

from __future__ import annotations

import pytest
from django.test import Client

from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments.models import Promotion
from tests import fixtures_deployments as make
from tests.deployments.api.conftest import caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def promotion() -> Promotion:
    staging, _ = make.platform()
    return make.promotion(make.release("2026.11.1"), staging, by=make.person("elif", Role.OPERATOR))


def browser(name: str, role: Role, environment: str = "") -> Client:
    client = Client()
    client.force_login(make.person(name, role, environment))
    return client


def kept() -> AuditEvent:
    return AuditEvent.objects.get(action="refused")


def test_a_viewer_who_would_abort_at_the_page(promotion: Promotion) -> None:
    assert browser("vera", Role.VIEWER).post(f"/promotions/{promotion.number}/abort").status_code == 403
    row = kept()
    assert (row.actor, row.door, row.target, row.environment) == ("vera", "page", "promotion.abort", "staging")
    assert row.details == {
        "right": "promotion.abort",
        "method": "POST",
        "path": f"/promotions/{promotion.number}/abort",
    }
    assert row.message.startswith("You may not do this in staging: you are viewer there")


def test_a_token_without_the_scope_at_the_api(promotion: Promotion) -> None:
    token = caller("read")
    assert token.post(f"/promotions/{promotion.pk}/abort").status_code == 403
    row = kept()
    assert (row.actor, row.door, row.target) == (f"token {token.token.name}", "api", "promotion.abort")


def test_somebody_of_elsewhere_is_told_that_it_is_absent_and_kept_as_what_it_was(promotion: Promotion) -> None:
    stranger = browser("stan", Role.OPERATOR, "production")
    answer = stranger.post("/environments/staging/promote?release=2026.11.1", {"reason": "x"})
    assert answer.status_code == 404
    assert not AuditEvent.objects.exclude(action="refused").filter(actor="stan").exists()


def test_whoever_only_looks_is_not_kept(promotion: Promotion) -> None:
    assert browser("vera", Role.VIEWER).get("/settings/status").status_code == 403
    assert caller("release").get("/reviews").status_code in (200, 403)
    assert not AuditEvent.objects.filter(action="refused").exists()


def test_what_a_path_may_not_say_is_left_out(promotion: Promotion) -> None:
    caller("read").post("/promotions/a%00b/abort")
    row = AuditEvent.objects.filter(action="refused").first()
    assert row is None or row.details["path"] == ""
