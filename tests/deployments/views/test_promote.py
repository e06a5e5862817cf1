"""The promote page: look, decide, confirm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Variable
from controlpanel.core.models import AuditEvent
from deployments.choices import PreflightState
from deployments.models import Application, Preflight, Promotion
from tenants.services.signing import item_waive
from tests import fixtures_deployments as make
from tests import fixtures_tenants as tenants
from tests.deployments.views.conftest import Stage

STAGING = "/environments/staging/promote?release=2026.11.3"
CI = Actor(name="ci", door="api", is_system=True)
PRODUCTION = "/environments/production/promote?release=2026.11.3"


def ask(client: Client, address: str = STAGING, **fields: Any) -> Any:
    return client.post(address, {"render_digest": make.DIGEST, "key": "one", "reason": "Agreed.", **fields})


def body(response: Any) -> str:
    return str(response.content.decode())


def test_the_page_comes_at_once_and_says_that_it_renders(client: Client) -> None:
    page = body(client.get(STAGING))
    assert "Rendering 4 components…" in page
    assert page.count("Waits for the rendered diff.") >= 1 and "Blocked: waits" not in page
    assert 'http-equiv="refresh"' in page
    assert Preflight.objects.get().state == PreflightState.RENDERING


def test_looking_again_starts_no_second_rendering(client: Client) -> None:
    client.get(STAGING)
    client.get(STAGING)
    assert Preflight.objects.count() == 1


def test_the_diff_fills_in_and_the_button_opens(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging)
    page = body(client.get(STAGING))
    assert "backend · Deployment/backend" in page
    assert "dddd…dddd" in page
    assert 'id="promote" aria-disabled' not in page
    assert 'http-equiv="refresh"' not in page


def test_what_the_cluster_refuses_stands_under_the_title_of_its_object_as_text(client: Client, stage: Stage) -> None:
    row = make.preflight(stage.new, stage.staging)
    row.changes[0]["problems"] = ["spec.<b>x</b>: unknown field"]
    row.save()
    page = body(client.get(STAGING))
    title, problem = page.index("backend · Deployment/backend"), page.index("spec.&lt;b&gt;x&lt;/b&gt;: unknown field")
    assert title < problem < page.index('class="diff-scroll"')
    assert "octagon-cross" in page[title:problem]


def test_tenants_that_are_not_ready_are_named_and_the_parts_that_depend_on_them_follow(
    client: Client, stage: Stage
) -> None:
    stage.staging.gates = [{"name": "tenants-ready"}]
    stage.staging.save()
    Variable.objects.create(key="DOKTOR365_SECRET", scope="tenant", is_secret=True, on_checklist=True)
    made = tenants.tenant("nova", by=CI)
    make.preflight(stage.new, stage.staging)

    page = body(client.get(STAGING))

    assert "0 of 1 ready" in page
    assert "Blocked: 1 of 1 active tenants is not ready: nova (DOKTOR365_SECRET)." in page
    assert (
        page.count('data-live="environment.staging tenant"') == 2
    )  # the gates with the tenants, and the button with its reasons
    until, reason = timezone.now() + timedelta(days=1), "They start next week."
    item_waive(actor=CI, item=made.items.get(environment=stage.staging), reason=reason, until=until)
    followed = client.get(STAGING, headers={"HX-Request": "true", "HX-Target": "decision"})
    assert 'id="promote" aria-disabled' not in body(followed)
    assert "<html" not in body(followed)


def test_a_missing_variable_is_named_and_shuts_the_button_where_the_gate_is_asked(client: Client, stage: Stage) -> None:
    stage.staging.gates = [{"name": "required-variables"}]
    stage.staging.save()
    found = {"key": "REDIS_URL", "state": "referenced", "where": "backend/hub/ExternalSecret-backend.yaml"}
    variables = [found, {"key": "DATABASE_URL", "state": "missing", "where": ""}]
    make.preflight(stage.new, stage.staging, variables=variables)
    page = body(client.get(STAGING))
    assert "1 of 2 missing" in page and "<code>DATABASE_URL</code> is neither set nor referenced." in page
    assert "backend/hub/ExternalSecret-backend.yaml" in page
    assert "DATABASE_URL is neither set nor referenced in any manifest." in page
    assert 'id="promote" aria-disabled' in page
    assert ask(client).status_code == 409 and not Promotion.objects.exists()


@pytest.mark.parametrize("part", ["preview", "decision"])
def test_a_part_can_be_read_alone(client: Client, stage: Stage, part: str) -> None:
    row = make.preflight(stage.new, stage.staging)
    page = body(client.get(f"{STAGING}&preflight={row.pk}", headers={"HX-Request": "true", "HX-Target": part}))
    assert f'id="{part}"' in page
    assert "<html" not in page


def test_asking_makes_a_promotion_and_leads_to_it(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging)
    response = ask(client)
    row = Promotion.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"/promotions/{row.number}")
    assert (row.requested_by, row.reason, row.render_digest) == ("elif", "Agreed.", make.DIGEST)


def test_a_double_click_makes_one_promotion(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging)
    assert ask(client)["Location"] == ask(client)["Location"]
    assert Promotion.objects.count() == 1


def test_production_asks_for_its_name_and_keeps_what_was_typed(client: Client, stage: Stage) -> None:
    make.live(stage.new, stage.staging, by=stage.elif_)
    make.preflight(stage.new, stage.production)
    response = ask(client, PRODUCTION, confirm="produktion")
    page = body(response)
    assert response.status_code == 422
    assert "Type production to continue." in page
    assert 'value="produktion"' in page
    assert "Agreed." in page
    assert ask(client, PRODUCTION, confirm="production").status_code == 303


def test_a_stale_preview_answers_the_same_page_with_the_new_diff(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging, ready_at=timezone.now() - timedelta(hours=1))
    make.live(stage.old, stage.staging, by=stage.elif_)
    Promotion.objects.update()
    changed = [{**make.preflight(stage.old, stage.staging).changes[0], "diff": "@@ -1 +1 @@\n-a\n+b\n"}]
    make.preflight(
        stage.new, stage.staging, render_digest="e" * 64, changes=changed, ready_at=timezone.now() + timedelta(1)
    )
    response = ask(client)
    page = body(response)
    assert response.status_code == 409
    assert "Preview is out of date." in page
    assert "Something changed since you looked: backend (1 resource). Review the new diff." in page
    assert 'value="' + "e" * 64 in page
    assert "Agreed." in page
    assert not Promotion.objects.filter(release=stage.new).exists()
    assert AuditEvent.objects.filter(action="promotion.refused").exists()


def test_a_blocked_request_says_why_and_makes_nothing(client: Client, stage: Stage) -> None:
    make.preflight(stage.new, stage.production)
    response = ask(client, PRODUCTION, confirm="production")
    assert response.status_code == 409
    assert "Blocked: Not verified in staging yet." in body(response)
    assert not Promotion.objects.exists()


def test_all_that_is_left_to_do_stands_under_the_button(client: Client, stage: Stage) -> None:
    Application.objects.filter(name="ai-production").update(health="Degraded")
    make.preflight(stage.new, stage.production)
    page = body(client.get(PRODUCTION))
    assert "Blocked: not verified in staging yet." in page
    assert "Blocked: ai-production is Degraded" in page
    assert "Type the name of the environment to continue." in page


def test_a_failed_rendering_is_shown_with_its_remedy(client: Client, stage: Stage) -> None:
    row = make.preflight(
        stage.new,
        stage.staging,
        PreflightState.FAILED,
        error="backend does not render. replicas must be a number.",
        remedy="Fix it.",
    )
    page = body(client.get(f"{STAGING}&preflight={row.pk}"))
    assert "backend does not render. replicas must be a number." in page
    assert "Fix it." in page
    assert "Try again" in page
    assert Preflight.objects.count() == 1


def test_a_preflight_of_something_else_is_not_shown(client: Client, stage: Stage) -> None:
    other = make.preflight(stage.old, stage.staging)
    assert "Rendering 4 components…" in body(client.get(f"{STAGING}&preflight={other.pk}"))


def test_a_viewer_sees_the_page_and_why_the_button_is_shut(stage: Stage) -> None:
    make.preflight(stage.new, stage.staging)
    browser = stage.client(stage.vera)
    assert "You may look but not promote: ask a release manager." in body(browser.get(STAGING))
    assert ask(browser).status_code == 403
    assert not Promotion.objects.exists()


@pytest.mark.parametrize(
    "address", ["/environments/nowhere/promote?release=2026.11.3", "/environments/staging/promote?release=none"]
)
def test_what_does_not_exist_is_not_found(client: Client, address: str) -> None:
    assert client.get(address).status_code == 404


def test_text_from_outside_is_shown_as_text(client: Client, stage: Stage) -> None:
    new = make.release("2026.11.9", title="<script>alert(1)</script>")
    make.preflight(new, stage.staging)
    page = body(client.get("/environments/staging/promote?release=2026.11.9"))
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("releases", [1, 8])
def test_its_queries_do_not_grow(
    client: Client, stage: Stage, releases: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(releases):
        make.live(make.release(f"2026.10.{number}"), stage.staging, by=stage.elif_)
    make.preflight(stage.new, stage.staging, ready_at=timezone.now() + timedelta(seconds=9))
    client.get("/")
    with django_assert_max_num_queries(12):
        assert client.get(STAGING).status_code == 200
