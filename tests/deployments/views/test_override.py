"""A release manager lets a gate pass from the promote page, with a reason and until when; others read why they may not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Variable
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments.models import Promotion
from tests import fixtures_deployments as make
from tests import fixtures_tenants as tenants
from tests.deployments.views.conftest import Stage

ADDRESS = "/environments/staging/promote?release=2026.11.3"
REASON = "The clinic opens next week."


@pytest.fixture(autouse=True)
def _nova_is_not_ready(stage: Stage) -> None:
    stage.staging.gates = [{"name": "tenants-ready"}]
    stage.staging.save()
    Variable.objects.create(key="DOKTOR365_SECRET", scope="tenant", is_secret=True, on_checklist=True)
    tenants.tenant("nova", by=Actor(name="ci", door="api", is_system=True))
    make.preflight(stage.new, stage.staging)


@pytest.fixture
def rita(stage: Stage) -> Client:
    """The release manager's browser."""
    return stage.client(make.person("rita", Role.RELEASE_MANAGER))


def ask(client: Client, **fields: Any) -> Any:
    typed = {"render_digest": make.DIGEST, "key": "one", "reason": "", "override_reason": REASON, "override_hours": "4"}
    return client.post(ADDRESS, typed | fields)


def test_a_release_manager_overrides_with_a_reason_until_a_moment(rita: Client) -> None:
    page = rita.get(ADDRESS).content.decode()
    assert 'name="override" value="tenants-ready"' in page and "Override Tenants ready" in page

    answer = ask(rita, override="tenants-ready")

    (made,) = Promotion.objects.all()
    assert (answer.status_code, answer["Location"]) == (303, f"/promotions/{made.number}")
    (kept,) = made.overrides
    assert (kept["gate"], kept["reason"], kept["by"]) == ("tenants-ready", REASON, "rita")
    assert timedelta(hours=3) < datetime.fromisoformat(kept["until"]) - timezone.now() <= timedelta(hours=4)
    assert AuditEvent.objects.filter(action="promotion.gate_overridden", actor="rita").exists()


def test_the_same_click_twice_makes_one_promotion(rita: Client) -> None:
    assert ask(rita, override="tenants-ready")["Location"] == ask(rita, override="tenants-ready")["Location"]
    assert Promotion.objects.count() == 1


def test_without_a_reason_nothing_is_asked_for_and_the_field_says_so(rita: Client) -> None:
    answer = ask(rita, override="tenants-ready", override_reason="Short.")

    assert answer.status_code == 422
    assert "An override needs a reason of at least 10 characters." in answer.content.decode()
    assert not Promotion.objects.exists()


def test_another_button_overrides_nothing(rita: Client) -> None:
    assert ask(rita).status_code == 409
    assert not Promotion.objects.exists()


def test_an_operator_reads_who_may_and_may_not(client: Client) -> None:
    page = client.get(ADDRESS).content.decode()
    assert "A gate is overridden by a release manager: ask one." in page
    assert 'name="override"' not in page

    assert ask(client, override="tenants-ready").status_code == 403
    assert not Promotion.objects.exists()


def test_what_else_refuses_keeps_it_shut(rita: Client, stage: Stage) -> None:
    stage.staging.gates = [{"name": "tenants-ready"}, {"name": "policies"}]
    stage.staging.save()
    found = {"policy": "tls", "object": "Ingress hub/backend", "rule": "It answers plainly.", "fix": "Encrypt it."}
    make.preflight(stage.new, stage.staging, findings=[found | {"component": "backend"}])

    page = rita.get(ADDRESS).content.decode()

    assert 'id="override" aria-disabled="true"' in page
    assert 'name="override"' not in page


def test_enter_in_a_field_presses_neither_override_nor_emergency(rita: Client) -> None:
    form = rita.get(ADDRESS).content.decode().split('id="promote-form"')[1].split("</form>")[0]
    first = form.index('type="submit"')

    assert form[first:].startswith('type="submit" disabled hidden>')
    assert first < form.index('name="override" value="tenants-ready"')
