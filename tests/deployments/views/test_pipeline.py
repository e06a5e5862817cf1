"""The pipeline board."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from controlpanel.core import audit
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.choices import State
from deployments.models import Application
from tenants.models import Readiness, Tenant
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage


def text(client: Client, address: str = "/", **headers: str) -> str:
    response = client.get(address, headers=headers)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_it_says_that_nothing_is_live_yet(client: Client) -> None:
    page = text(client)
    assert "Nothing is live here yet." in page
    assert "Nothing in flight" in page


def test_it_shows_what_is_live_and_what_may_go_next(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    make.live(stage.new, stage.staging, by=stage.elif_)
    make.live(stage.old, stage.production, by=stage.elif_)
    page = text(client)
    assert "Elif Kaya" in page
    assert "1 release behind staging" in page
    assert 'href="/environments/production/promote?release=2026.11.3"' in page
    assert "Verified in staging" in page
    assert "In production" in page


def test_a_release_that_staging_has_not_seen_is_blocked_with_the_reason(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    page = text(client)
    assert "Blocked: not verified in staging yet." in page
    assert f'id="promote-production-{stage.new.pk}" role="link" tabindex="0" aria-disabled="true"' in page
    assert '<a class="button quiet" href="/environments/production/promote?release=2026.11.3">Look' in page


def test_who_may_decide_about_a_gate_gets_to_the_page_and_others_look(client: Client, stage: Stage) -> None:
    stage.production.gates = [{"name": "verified-before"}]
    stage.production.save()
    way = f'id="promote-production-{stage.new.pk}" href="/environments/production/promote?release=2026.11.3"'
    assert way not in text(client)
    manager = stage.client(make.person("rita", Role.RELEASE_MANAGER))
    for page in (text(manager), text(manager, "/releases/2026.11.3")):
        assert way in page
        assert "3 of 5 gates pass. You decide about Verified there: not verified in staging yet." in page


def test_a_promotion_in_flight_shows_its_wave_and_makes_the_next_one_wait(client: Client, stage: Stage) -> None:
    row = make.rolling_out_backend(make.promotion(stage.old, stage.staging, by=stage.elif_))
    page = text(client)
    assert "Wave 3 of 4: backend, 1 of 2 new pods ready" in page
    assert f'href="/promotions/{row.number}"' in page
    assert f"Will wait its turn: promotion {row.number} holds staging." in page


def test_a_promotion_in_flight_says_how_long_it_usually_takes(client: Client, stage: Stage) -> None:
    make.long_ago([stage.old], stage.staging, asked=[timezone.now() - timedelta(days=days) for days in (3, 2, 1)])
    row = make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))
    page = text(client)
    assert " of about 5 m 00 s</span>" in page
    assert f"Not verified in staging yet. Promotion {row.number} should decide in about".lower() in page.lower()


def test_an_application_that_differs_while_nothing_is_in_flight_is_drift(client: Client) -> None:
    Application.objects.filter(name="ai-staging").update(sync="OutOfSync")
    assert "Drift: ai differs from Git." in text(client)


def test_a_viewer_may_look_but_not_promote(stage: Stage) -> None:
    page = text(stage.client(stage.vera))
    assert "You may look but not promote: ask a release manager." in page
    assert page.count('role="link" tabindex="0" aria-disabled="true"') == page.count(">Look<span") > 0
    assert "/releases/new" not in page


def test_an_environment_that_is_not_mine_is_absent_everywhere(stage: Stage) -> None:
    make.live(stage.old, stage.production, by=stage.elif_)
    browser = stage.client(stage.stan)
    page = text(browser)
    assert "staging" in page
    assert "production" not in page
    assert browser.get("/environments/production").status_code == 404
    assert browser.get("/environments/production/promote?release=2026.11.3").status_code == 404


def test_a_column_can_be_read_alone(client: Client) -> None:
    page = text(client, **{"HX-Request": "true", "HX-Target": "environment-staging"})
    assert page.strip().startswith('<section class="panel" id="environment-staging"')
    assert "environment-production" not in page


def test_the_strip_can_be_filtered(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    used = text(client, "/?releases=used", **{"HX-Request": "true", "HX-Target": "releases"})
    assert "2026.11.2" in used
    assert "2026.11.3" not in used


def test_whoever_is_not_signed_in_is_sent_to_sign_in(db: None) -> None:
    response = Client().get("/")
    assert response.status_code == 302
    assert response["Location"] == "/login?next=/"


@pytest.mark.parametrize("promotions", [1, 6])
def test_its_queries_do_not_grow(
    client: Client, stage: Stage, promotions: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(promotions):
        new = make.release(f"2026.12.{number}")
        make.live(new, stage.staging, by=stage.elif_)
        make.live(new, stage.production, by=stage.elif_)
    make.started(make.promotion(stage.new, stage.staging, by=stage.elif_))
    client.get("/")
    with django_assert_max_num_queries(12):
        assert client.get("/").status_code == 200


def test_a_promotion_that_ended_after_its_commit_makes_what_is_live_uncertain(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    row = make.paused(make.promotion(stage.new, stage.staging, by=stage.elif_))
    lifecycle.move(row, State.CANCELING, actor=audit.SYSTEM, message="Abort asked for.")
    lifecycle.end(row, State.CANCELED, actor=audit.SYSTEM, message="Aborted after commit.")
    page = text(client)
    assert "Git holds 2026.11.3:" in page
    assert "was canceled after its commit. Part of it may be live." in page


def test_after_75_seconds_of_silence_what_was_seen_is_unknown_on_every_page(client: Client, stage: Stage) -> None:
    row = make.rolling_out_backend(make.promotion(stage.old, stage.staging, by=stage.elif_))
    pages = "/", "/environments/staging", f"/promotions/{row.number}"
    seen = timezone.now() - timedelta(seconds=70)
    Application.objects.update(observed_at=seen)
    assert not any("Unknown, last" in text(client, page) for page in pages)
    Application.objects.update(observed_at=seen - timedelta(seconds=6))
    for page in pages:
        assert "Unknown, last Progressing at" in text(client, page)
    assert "Unknown, last Healthy at" in text(client)


def test_board_and_promote_page_count_the_same_gates(client: Client, stage: Stage) -> None:
    make.preflight(stage.old, stage.staging)
    assert "5 of 6 gates pass, 1 is asked after rendering." in text(client)
    assert "6 of 6 pass" in text(client, "/environments/staging/promote?release=2026.11.2")


@pytest.mark.parametrize("address", ["/", "/environments/staging", "/promotions/{number}"])
def test_a_silent_argo_cd_is_said_with_the_last_reading(client: Client, stage: Stage, address: str) -> None:
    row = make.rolling_out_backend(make.promotion(stage.old, stage.staging, by=stage.elif_))
    page = address.format(number=row.number)
    assert "Argo CD did not answer." not in text(client, page)
    then = timezone.now() - timedelta(minutes=3)
    Application.objects.filter(environment=stage.staging).update(observed_at=then)
    shown = text(client, page)
    assert "Argo CD did not answer." in shown
    assert f'Last read <time datetime="{then.isoformat()}"' in shown


def test_what_others_make_shows_its_own_version(client: Client, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    digest = f"@sha256:{'a' * 64}"
    for name, images in {
        "monitoring": [f"registry.example:5000/library/haproxy:3.2.1{digest}", f"registry.example:5000/library/monitoring:8.2.1{digest}"],
        "backend": [f"registry.example/backend{digest}"],
        "ai": [f"registry.example/ai:main{digest}"],
    }.items():  # fmt: skip
        Application.objects.filter(name=f"{name}-staging").update(images=images)
    page = text(client)
    assert "8.2.1" in page
    assert "3.2.1" not in page
    assert ">main<" not in page


def test_a_column_says_how_many_tenants_are_ready_and_names_the_first_that_are_not(
    client: Client, stage: Stage
) -> None:
    type(stage.staging).objects.filter(pk=stage.staging.pk).update(gates=[{"name": "tenants-ready"}])
    for number in range(5):
        tenant = Tenant.objects.create(slug=f"clinic-{number}", display_name=f"Clinic {number}", state="active")
        Readiness.objects.create(
            tenant=tenant, environment=stage.staging, slug=tenant.slug, state="active", required=5, met=5 if number == 4 else 3, is_ready=number == 4,
        )  # fmt: skip
    page = text(client)
    assert "1 of 5 ready, not clinic-0, clinic-1, clinic-2 and more." in page
    assert page.count(" ready, not ") == 1, "production serves nobody"


def test_what_a_rollback_called_off_may_end_after_it_and_git_holds_the_rollback(stage: Stage) -> None:
    called_off = make.started(make.promotion(stage.new, stage.staging, by=stage.elif_))
    lifecycle.move(called_off, State.CANCELING, actor=audit.SYSTEM, message="Called off.")
    make.live(stage.old, stage.staging, by=stage.elif_)
    lifecycle.end(called_off, State.CANCELED, actor=audit.SYSTEM, message="Called off after commit.")
    page = stage.client(stage.elif_).get("/").content.decode()
    assert "after its commit" not in page
