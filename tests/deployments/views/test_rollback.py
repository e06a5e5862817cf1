"""The rollback page: what comes back, what does not, who gives way."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.core.permissions import Role
from deployments.choices import Kind, PreflightState, State
from deployments.models import Preflight, Promotion
from deployments.services.freezing import Wanted, freeze_set
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage

ADDRESS = "/environments/staging/rollback"


@pytest.fixture
def old(stage: Stage) -> Promotion:
    return make.live(stage.old, stage.staging, by=stage.elif_)


@pytest.fixture
def running(stage: Stage, old: Promotion) -> Promotion:
    return make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))


def preview(old: Promotion, **fields: Any) -> Preflight:
    assert old.release is not None
    return make.preflight(old.release, old.environment, restores=old, **fields)


def body(response: Any) -> str:
    return str(response.content.decode())


def test_without_an_earlier_success_there_is_nothing_to_go_back_to(client: Client, stage: Stage) -> None:
    assert "There is nothing to go back to yet." in body(client.get(ADDRESS))


def test_it_offers_the_newest_success_before_the_last_commit(
    client: Client, old: Promotion, running: Promotion
) -> None:
    preview(old)
    page = body(client.get(ADDRESS))
    assert "Roll back staging to 2026.11.2" in page
    assert f"promotion {running.number}</a> is called off" in page
    assert page.index("What will not roll back") < page.index("From and to")
    assert 'id="promote" aria-disabled' not in page


def test_it_says_which_data_stays(client: Client, old: Promotion, running: Promotion) -> None:
    resource = {"component": "backend", "namespace": "hub", "name": "redis", "added": 0, "removed": 0, "diff": ""}
    preview(old, changes=[{**resource, "kind": "StatefulSet", "change": "unchanged"}], parts={"backend": "0" * 64})
    page = body(client.get(ADDRESS))
    assert "Data that redis holds." in page
    assert "frontend came later and stays as it is." in page


def test_it_says_first_what_is_deleted_for_good_and_what_runs_again(
    client: Client, old: Promotion, running: Promotion
) -> None:
    resource = {"component": "backend", "namespace": "hub", "added": 0, "removed": 0, "diff": ""}
    kinds = {
        "uploads": "PersistentVolumeClaim",
        "widgets.example.com": "CustomResourceDefinition",
        "cache": "StatefulSet",
        "lab": "Namespace",
    }
    gone = [{**resource, "kind": kind, "name": name, "change": "removed"} for name, kind in kinds.items()]
    preview(old, changes=[*gone, {**resource, "kind": "Job", "name": "migrate", "change": "new"}])
    page = body(client.get(ADDRESS))
    assert "PersistentVolumeClaim uploads will be deleted, with its data." in page
    assert "CustomResourceDefinition widgets.example.com will be deleted, with every object of its kind." in page
    assert "Namespace lab will be deleted, with everything in it." in page
    assert page.index("will be deleted") < page.index("Data that cache holds.")
    assert "The Job migrate will run again." in page
    assert "What the Job migrate did" not in page


def test_asking_makes_a_rollback_and_goes_to_it(client: Client, old: Promotion, running: Promotion) -> None:
    preview(old)
    answer = client.post(
        f"{ADDRESS}?to={old.number}", {"render_digest": make.DIGEST, "key": "one", "reason": "It does not start."}
    )
    rollback = Promotion.objects.get(kind=Kind.ROLLBACK)
    assert (answer.status_code, answer["Location"]) == (303, f"/promotions/{rollback.number}")
    assert (rollback.restores, rollback.release) == (old, old.release)


def test_it_asks_what_becomes_of_references_that_tenants_would_lose(
    client: Client, old: Promotion, running: Promotion
) -> None:
    preview(old, losses=[{"slug": "nova", "keys": ["DOKTOR365_SECRET"]}])
    asked = body(client.get(ADDRESS))
    assert "1 tenant would lose some" in asked and "<strong>nova</strong>" in asked
    assert "Choose what becomes of the tenants&#x27; references." in asked
    assert 'id="promote" aria-disabled' in asked

    preview(old, keeps_tenants=True)
    kept = body(client.get(ADDRESS, {"to": str(old.number), "tenants": "keep"}))
    assert "Today's references stay as they are" in kept
    assert 'id="promote" aria-disabled' not in kept
    form = {"reason": "The new one does not start.", "render_digest": make.DIGEST, "key": "k1"}
    assert client.post(f"{ADDRESS}?to={old.number}&tenants=keep", form).status_code == 303
    assert Promotion.objects.get(kind=Kind.ROLLBACK).keeps_tenants


def test_a_failed_preview_is_shown_and_not_made_anew_by_its_live_part(
    client: Client, old: Promotion, running: Promotion
) -> None:
    failed = preview(old, state=PreflightState.FAILED)
    Preflight.objects.filter(pk=failed.pk).update(error="Commit is gone.")
    page = body(client.get(f"{ADDRESS}?to={old.number}&preflight={failed.pk}"))
    assert "Commit is gone." in page
    assert Preflight.objects.filter(restores=old).count() == 1


@pytest.mark.parametrize("to", ["99999", "x", "-1", "9" * 30])
def test_a_promotion_that_is_not_there_is_absent(client: Client, old: Promotion, to: str) -> None:
    assert client.get(f"{ADDRESS}?to={to}").status_code == 404


def test_what_is_live_is_no_target(client: Client, old: Promotion) -> None:
    answer = client.get(f"{ADDRESS}?to={old.number}")
    assert answer.status_code == 409
    assert "holds the files of promotion" in body(answer)


def test_a_viewer_reads_why_the_button_is_closed(stage: Stage, old: Promotion, running: Promotion) -> None:
    preview(old)
    browser = stage.client(stage.vera)
    assert "You may look but not roll back: ask an operator." in body(browser.get(ADDRESS))
    assert browser.post(f"{ADDRESS}?to={old.number}", {"render_digest": make.DIGEST}).status_code == 403


def test_the_page_asks_a_constant_number_of_queries(
    client: Client,
    stage: Stage,
    old: Promotion,
    running: Promotion,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    preview(old)
    for number in range(5):
        make.preflight(make.release(f"2026.10.{number}"), stage.production)
    client.get(ADDRESS)
    with django_assert_max_num_queries(16):
        client.get(ADDRESS)


@pytest.fixture
def frozen(stage: Stage, old: Promotion, running: Promotion) -> None:
    """Nothing may go to staging, and somebody has to agree besides."""
    rita = Actor(name="rita", door="page", user=make.person("rita", Role.RELEASE_MANAGER))
    freeze_set(actor=rita, wanted=Wanted(environment="staging", reason="The end of the year."))
    stage.staging.gates = [
        {"name": "freeze"},
        {"name": "approvals", "parameters": {"required": 1, "roles": ["release-manager"]}},
    ]
    stage.staging.save()
    preview(old)


@pytest.mark.usefixtures("frozen")
def test_in_an_emergency_a_release_manager_rolls_back_through_a_freeze(stage: Stage, old: Promotion) -> None:
    rita = stage.client(User.objects.get(username="rita"))
    page = body(rita.get(ADDRESS))
    assert 'id="promote" aria-disabled' in page
    assert 'name="emergency" value="1"' in page
    assert "&quot;emergency&quot;: true" in page
    form = {"render_digest": make.DIGEST, "key": "one", "emergency": "1", "reason": "Down"}
    answer = rita.post(f"{ADDRESS}?to={old.number}", form)
    assert answer.status_code == 422
    assert "An emergency needs a reason of at least 10 characters." in body(answer)
    form["reason"] = "Nobody can sign in."
    assert rita.post(f"{ADDRESS}?to={old.number}", form).status_code == 303
    made = Promotion.objects.get(kind=Kind.ROLLBACK)
    assert made.is_emergency
    assert made.state != State.REJECTED


@pytest.mark.usefixtures("frozen")
def test_who_may_not_declare_an_emergency_reads_whom_to_ask(client: Client, old: Promotion) -> None:
    page = body(client.get(ADDRESS))
    assert "An emergency is declared by a release manager: ask one." in page
    form = {"render_digest": make.DIGEST, "key": "one", "emergency": "1", "reason": "Nobody can sign in."}
    assert client.post(f"{ADDRESS}?to={old.number}", form).status_code == 403
    assert not Promotion.objects.filter(kind=Kind.ROLLBACK).exists()


def test_where_nothing_holds_there_is_no_emergency(client: Client, old: Promotion, running: Promotion) -> None:
    preview(old)
    assert 'id="emergency' not in body(client.get(ADDRESS))
