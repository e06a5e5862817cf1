"""Approvals at pages: the queue, the decision beside the diff, and the reason on each button that does not open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.confirming import CONFIRMED
from controlpanel.accounts.models import User
from controlpanel.catalog.models import Variable
from controlpanel.core import audit
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.choices import Kind, State
from deployments.gates import for_target
from deployments.models import Approval, GateResult, Promotion
from tests import fixtures_deployments as make
from tests import fixtures_tenants as tenants
from tests.deployments.views.conftest import Stage

SECRET = "a long enough word to type"


@pytest.fixture
def deniz(stage: Stage) -> User:
    user = make.person("deniz", Role.RELEASE_MANAGER, display_name="Deniz Arslan")
    user.set_password(SECRET)
    user.save()
    return user


@pytest.fixture
def asked(stage: Stage) -> Promotion:
    stage.production.gates = [{"name": "approvals", "parameters": {"required": 1}}]
    stage.production.save()
    return ask(stage, by=stage.elif_)


def ask(stage: Stage, *, by: User) -> Promotion:
    row = Promotion.objects.create(
        environment=stage.production, release=stage.new, requester=by, requested_by=by.username, requested_door="page",
        preflight=make.preflight(stage.new, stage.production), render_digest=make.DIGEST, reason="Agreed.",
    )  # fmt: skip
    row.refresh_from_db(fields=["number"])
    lifecycle.begin(row, actor=audit.SYSTEM)
    lifecycle.admit(
        row, for_target(release=stage.new, environment=stage.production, preflight=row.preflight, promotion=row)
    )
    return row


def fresh(stage: Stage, user: User, *, minutes: float = 0) -> Client:
    """A browser whose person typed the password so many minutes ago."""
    client = stage.client(user)
    session = client.session
    session[CONFIRMED] = (timezone.now() - timedelta(minutes=minutes)).isoformat()
    session.save()
    return client


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def test_the_approver_sees_the_diff_and_approves_exactly_that(stage: Stage, asked: Promotion, deniz: User) -> None:
    client = fresh(stage, deniz)
    page = text(client, f"/promotions/{asked.number}")
    assert "Approve for digest dddd…dddd" in page and "backend · Deployment/backend" in page and "0 of 1 given" in page
    assert 'id="approve-password"' not in page
    response = client.post(
        f"/promotions/{asked.number}/approve", {"comment": "Read it.", "render_digest": asked.render_digest}
    )
    assert (response.status_code, response["Location"]) == (303, f"/promotions/{asked.number}")
    assert Promotion.objects.get(pk=asked.pk).state == State.QUEUED
    assert Approval.objects.get().comment == "Read it."


def test_the_approver_sees_what_the_promote_page_showed(stage: Stage, deniz: User) -> None:
    make.live(stage.old, stage.production, by=stage.elif_)
    stage.production.gates = [{"name": "approvals"}, {"name": "tenants-ready", "parameters": {"policy": "warn"}}]
    stage.production.save()
    Variable.objects.create(key="DOKTOR365_SECRET", scope="tenant", is_secret=True, on_checklist=True)
    tenants.tenant("nova", by=Actor(name="ci", door="api", is_system=True))
    row = ask(stage, by=stage.elif_)
    panel = text(fresh(stage, deniz), f"/promotions/{row.number}").split('id="approval"')[1]
    assert "2026.11.2 → 2026.11.3" in panel and 'data-key="row-backend"' in panel
    assert 'data-key="tenant-nova"' in panel and "<code>DOKTOR365_SECRET</code>" in panel


def test_who_approved_stands_in_the_head_and_among_the_gates(client: Client, asked: Promotion, deniz: User) -> None:
    said = {"promotion": asked, "digest": asked.render_digest, "door": "page", "decision": "approve"}
    Approval.objects.create(
        person=make.person("mert", Role.RELEASE_MANAGER), voided_at=timezone.now(), voided_because="Void.", **said
    )
    Approval.objects.create(person=deniz, **said)
    GateResult.objects.create(promotion=asked, gate="soak", asked="start", verdict="overridden")
    for state in (State.QUEUED, State.RENDERING):
        lifecycle.move(asked, state, actor=audit.SYSTEM, message="")
    page = text(client, f"/promotions/{asked.number}")
    assert "by Elif Kaya, approved by Deniz Arslan, started" in page
    assert "passed, 1 overridden, 1 approved" in page


def test_whoever_asked_reads_why_the_buttons_are_closed(client: Client, stage: Stage, asked: Promotion) -> None:
    page = text(client, f"/promotions/{asked.number}")
    assert "You asked for this promotion yourself: someone other than you must approve." in page
    assert 'id="approve" aria-disabled="true" aria-describedby="approval-reason"' in page
    assert 'id="reject-dialog"' not in page
    assert client.post(f"/promotions/{asked.number}/approve", {"render_digest": asked.render_digest}).status_code == 403


def test_a_release_manager_who_asked_is_refused_as_well(stage: Stage, asked: Promotion, deniz: User) -> None:
    lifecycle.end(asked, State.CANCELED, actor=audit.SYSTEM, message="Out of the way.")
    row, client = ask(stage, by=deniz), fresh(stage, deniz)
    client.post(f"/promotions/{row.number}/approve", {"render_digest": row.render_digest})
    assert "You asked for this promotion yourself" in text(client, f"/promotions/{row.number}")
    assert not Approval.objects.exists()


@pytest.mark.parametrize(("typed", "counts"), [("", False), ("wrong", False), (SECRET, True)])
def test_a_sign_in_that_is_older_than_15_minutes_asks_for_the_password(
    stage: Stage, asked: Promotion, deniz: User, typed: str, counts: bool
) -> None:
    client = fresh(stage, deniz, minutes=16)
    address = f"/promotions/{asked.number}"
    assert 'id="approve-password"' in text(client, address)
    client.post(f"{address}/approve", {"render_digest": asked.render_digest, "password": typed})
    assert Approval.objects.exists() is counts
    if counts:
        assert client.session[CONFIRMED] > (timezone.now() - timedelta(minutes=1)).isoformat()


def test_rejecting_needs_a_comment_and_is_shown(stage: Stage, asked: Promotion, deniz: User) -> None:
    client, address = fresh(stage, deniz), f"/promotions/{asked.number}"
    client.post(f"{address}/reject", {"comment": " ", "render_digest": asked.render_digest})
    assert "Rejecting needs a comment." in text(client, address)
    client.post(f"{address}/reject", {"comment": "<b>Not</b> today.", "render_digest": asked.render_digest})
    page = text(client, address)
    assert "Rejected by Deniz Arslan. &lt;b&gt;Not&lt;/b&gt; today." in page


def test_the_queue_says_what_is_the_readers_to_decide(
    client: Client, stage: Stage, asked: Promotion, deniz: User
) -> None:
    own = text(client, "/approvals")
    assert "You asked for this promotion yourself" in own and "Look and decide" not in own
    others = text(stage.client(deniz), "/approvals")
    assert "Look and decide" in others and "0 of 1" in others
    assert '<span class="visually-hidden"> waiting for you</span>' in others
    assert '<span class="visually-hidden"> waiting for you</span>' not in own


def test_the_queue_is_read_in_a_constant_number_of_queries(
    stage: Stage, asked: Promotion, deniz: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = stage.client(deniz)
    for _ in range(4):
        ask(stage, by=stage.elif_)
    with django_assert_max_num_queries(9):
        text(client, "/approvals")
    with django_assert_max_num_queries(15):
        text(client, f"/promotions/{asked.number}")


def test_an_environment_that_somebody_may_not_see_is_not_in_the_queue(stage: Stage, asked: Promotion) -> None:
    assert str(asked.number) not in text(stage.client(stage.stan), "/approvals")


def test_an_emergency_is_confirmed_on_its_page_by_a_second_person_who_types_the_password_again(
    stage: Stage, deniz: User
) -> None:
    target = make.live(stage.old, stage.production, by=stage.elif_)
    stage.production.gates = [{"name": "approvals"}]
    stage.production.save()
    row = Promotion.objects.create(
        environment=stage.production, release=stage.old, requester=stage.elif_, requested_by="elif", requested_door="page",
        kind=Kind.ROLLBACK, restores=target, render_digest=make.DIGEST, reason="Everything is down.", is_emergency=True,
    )  # fmt: skip
    row.refresh_from_db(fields=["number"])
    lifecycle.begin(row, actor=audit.SYSTEM)
    own = stage.client(stage.elif_).get(f"/promotions/{row.number}").content.decode()
    assert "You asked for this promotion yourself" in own
    assert 'id="confirm-password"' not in own
    client = fresh(stage, deniz, minutes=20)
    assert f"/promotions/{row.number}#emergency" in client.get("/approvals").content.decode()
    assert 'id="confirm-password"' in client.get(f"/promotions/{row.number}").content.decode()
    said = {"render_digest": make.DIGEST, "comment": "It was."}
    client.post(f"/promotions/{row.number}/confirm", said)
    assert not Approval.objects.exists()
    client.post(f"/promotions/{row.number}/confirm", said | {"password": SECRET})
    assert Approval.objects.get().comment == "It was."
    assert 'id="emergency"' not in client.get(f"/promotions/{row.number}").content.decode()
