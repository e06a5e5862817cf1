"""The page of a promotion shows what was verified: each check, each tenant, what failed with request, answer and trace."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from deployments.choices import Proof, State
from deployments.models import AutomaticRollback, Evidence, Promotion, Verification
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage
from tests.fixtures_verification import HOSTILE, sampled, stopped

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(stage: Stage) -> Client:
    return stage.client(stage.elif_)


@pytest.fixture
def row(stage: Stage) -> Promotion:
    return make.promotion(stage.new, stage.staging, by=stage.elif_)


def text(client: Client, row: Promotion, query: str = "") -> str:
    answer = client.get(f"/promotions/{row.number}{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_while_it_verifies_the_checks_are_what_is_shown(client: Client, row: Promotion) -> None:
    page = text(client, sampled(row, lost=1))
    now = page[page.index('id="now"') : page.index('id="steps"')]
    assert "59 of 60 pass, 1 failed, 2 rounds" in now
    assert "Not checked" in now
    assert "STAGING_PROMETHEUS_URL is not set." in now


def test_those_that_failed_come_first_with_request_answer_and_trace(client: Client, row: Promotion) -> None:
    page = text(client, stopped(row), "?tab=verification")
    assert page.index("clinic-002") < page.index("clinic-003"), "the three that failed stand first"
    for number in range(3):
        assert f"X-Tenant: clinic-{number:03}" in page
        assert f"{number:032x}" in page
    assert "X-Tenant: clinic-003" not in page, "what passed has nothing to be read"
    assert HOSTILE not in page
    assert "&lt;img src=x onerror=" in page


@pytest.mark.parametrize(
    ("show", "shown"), [("failed", 3), ("running", 50), ("done", 0), ("waiting", 0), ("", 50), ("nonsense", 50)]
)
def test_tenants_are_filtered_by_where_they_stand(show: str, shown: int, client: Client, row: Promotion) -> None:
    page = text(client, stopped(row), f"?tab=verification&show={show}")
    assert page.count('data-key="tenant-clinic-') == shown
    assert "Failed&nbsp;3" in page
    assert "Running&nbsp;57" in page


def test_the_second_page_goes_on_where_the_first_ended(client: Client, row: Promotion) -> None:
    stopped(row)
    page = text(client, row, "?tab=verification")
    assert "cursor=3.clinic-049" in page
    second = text(client, row, "?tab=verification&cursor=3.clinic-049")
    assert second.count('data-key="tenant-clinic-') == 10


def test_a_retry_shows_the_newer_answer_of_those_that_were_asked_again(client: Client, row: Promotion) -> None:
    stopped(row, lost=1)
    again = Verification.objects.create(
        promotion=row, name="health", run=2, type="tenant_health", title="Health", observe_seconds=60, interval_seconds=15,
        failure_limit=1,
    )  # fmt: skip
    Evidence.objects.create(verification=again, subject="clinic-000", samples=1, proof=Proof.PASSED)
    page = text(client, row, "?tab=verification")
    assert "Failed&nbsp;0" in page
    assert "All&nbsp;60" in page


def test_the_choices_say_what_they_mean_for_a_verification(client: Client, row: Promotion) -> None:
    page = text(client, stopped(row))
    assert "Asks those again that failed" in page
    assert "Ignore and go on?" in page
    assert 'href="?tab=verification#evidence"' in page
    client.post(f"/promotions/{row.number}/ignore", {"reason": "These clinics are closed."})
    row.refresh_from_db()
    assert row.state == State.VERIFYING
    assert "ignored by elif: These clinics are closed." in text(client, row)


def test_the_way_back_that_the_policy_took_is_said_and_linked(client: Client, stage: Stage) -> None:
    before = make.live(stage.old, stage.staging, by=stage.elif_)
    failed = sampled(make.promotion(stage.new, stage.staging, by=stage.elif_), lost=1)
    taken = AutomaticRollback.objects.create(
        promotion=failed, target=before, reason="By the policy of staging: it failed."
    )
    assert "takes the way back" in text(client, failed)
    rollback = Promotion.objects.create(
        environment=stage.staging, release=stage.old, kind="rollback", restores=before, requested_by="panel",
        requested_door="policy",
    )  # fmt: skip
    rollback.refresh_from_db()
    AutomaticRollback.objects.filter(pk=taken.pk).update(rollback=rollback)
    page = text(client, failed)
    assert f'href="/promotions/{rollback.number}"' in page
    assert "By the policy of staging: it failed." in page
    assert "by the policy of staging" in text(client, rollback)


@pytest.mark.parametrize("total", [5, 60])
@pytest.mark.parametrize("tab", ["verification", "cause", "events"])
def test_its_queries_do_not_grow(
    tab: str, total: int, client: Client, row: Promotion, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    stopped(row, total=total)
    text(client, row, f"?tab={tab}")
    with django_assert_max_num_queries(15 if tab == "verification" else 12):
        text(client, row, f"?tab={tab}")
