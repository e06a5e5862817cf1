"""Promotions for later, releases that are held back, and promotions that the panel asks for by itself."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.accounts.actors import SYSTEM, Actor, of_token
from controlpanel.accounts.models import RoleBinding, User
from controlpanel.accounts.tokens import token_create, token_revoke
from controlpanel.catalog import connections
from controlpanel.catalog.models import Environment
from controlpanel.clients.errors import Ambiguous
from controlpanel.core.errors import ConflictError, InvalidError, RefusedError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments.choices import Planned, State
from deployments.gates import for_target
from deployments.models import Application, PlannedPromotion, Promotion, Release, ReleaseHold
from deployments.services.automating import promotions_automatic
from deployments.services.planning import plan_cancel, plan_carry_out, promotion_plan, release_hold, release_let_go
from deployments.watching import windows
from deployments.watching.observations import Directory
from tests import fixtures_deployments as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def places(db: None) -> tuple[Environment, Environment]:
    return rows.platform()


@pytest.fixture
def release(places: Any) -> Release:
    return rows.release("2026.11.3")


@pytest.fixture
def elif_(db: None) -> User:
    return rows.person("elif", Role.OPERATOR)


def page(user: User) -> Actor:
    return Actor(name=user.username, door="page", user=user)


def planned(actor: Actor, **more: Any) -> PlannedPromotion:
    wanted = {
        "environment": "staging",
        "release": "2026.11.3",
        "at": timezone.now() + timedelta(hours=1),
        "reason": "Tonight.",
        **more,
    }
    return promotion_plan(actor=actor, **wanted)


def carried_out(plan: PlannedPromotion) -> PlannedPromotion:
    PlannedPromotion.objects.filter(pk=plan.pk).update(next_run_at=timezone.now())
    assert plan_carry_out(plan.pk)
    plan.refresh_from_db()
    return plan


def test_a_plan_that_is_more_than_an_hour_late_is_not_carried_out_but_said(release: Release, elif_: User) -> None:
    late = {"at": timezone.now() + timedelta(seconds=1)}
    plan, other = planned(page(elif_), **late), planned(page(elif_), **late)
    PlannedPromotion.objects.filter(pk=plan.pk).update(due_at=timezone.now() - timedelta(minutes=61))
    carried_out(plan)
    assert (plan.state, plan.promotion) == (Planned.REFUSED, None)
    assert plan.outcome.startswith("It was due at ")
    assert plan.outcome in AuditEvent.objects.get(action="promotion.plan_refused").message
    PlannedPromotion.objects.filter(pk=other.pk).update(due_at=timezone.now() - timedelta(minutes=59))
    assert carried_out(other).state == Planned.ASKED


def test_it_is_not_due_before_its_moment_and_asked_for_once_then(release: Release, elif_: User) -> None:
    plan = planned(page(elif_))
    assert not plan_carry_out(plan.pk), "it is not due"
    carried_out(plan)
    assert (plan.state, plan.promotion.requested_by, plan.promotion.requested_door) == (
        Planned.ASKED,
        "elif",
        "schedule",
    )
    assert (plan.promotion.reason, plan.promotion.state) == ("Tonight.", State.REQUESTED)
    assert not plan_carry_out(plan.pk)
    assert Promotion.objects.count() == 1


def test_a_crash_between_asking_and_noting_asks_for_the_same_promotion(release: Release, elif_: User) -> None:
    plan = planned(page(elif_))
    carried_out(plan)
    first = plan.promotion
    PlannedPromotion.objects.filter(pk=plan.pk).update(state=Planned.PLANNED, promotion=None)
    assert carried_out(plan).promotion == first


def test_it_has_the_rights_of_then(release: Release, elif_: User) -> None:
    plan = planned(page(elif_))
    RoleBinding.objects.filter(user=elif_).update(role=Role.VIEWER)
    carried_out(plan)
    assert (plan.state, plan.promotion) == (Planned.REFUSED, None)
    assert plan.outcome.startswith("You may not do this in staging")
    assert AuditEvent.objects.filter(action="promotion.plan_refused", actor="elif", door="schedule").exists()


def test_a_revoked_token_carries_nothing_out(release: Release) -> None:
    token, _ = token_create(actor=SYSTEM, name="ci", scopes=["promote"])
    plan = planned(of_token(token))
    token_revoke(actor=SYSTEM, token=token)
    assert carried_out(plan).outcome.startswith("The token of this plan may not act any more.")


def test_a_plan_is_called_off_once(release: Release, elif_: User) -> None:
    plan = planned(page(elif_))
    plan_cancel(actor=page(elif_), plan=plan)
    with pytest.raises(ConflictError):
        plan_cancel(actor=page(elif_), plan=plan)
    PlannedPromotion.objects.filter(pk=plan.pk).update(next_run_at=timezone.now())
    plan_carry_out(plan.pk)
    assert not Promotion.objects.exists()


@pytest.mark.parametrize("hours", [-1, 24 * 91])
def test_a_plan_is_for_the_next_ninety_days(release: Release, elif_: User, hours: int) -> None:
    with pytest.raises(InvalidError):
        planned(page(elif_), at=timezone.now() + timedelta(hours=hours))


def test_what_is_held_back_says_by_whom_until_it_is_let_go(
    places: tuple[Environment, Environment], release: Release, elif_: User
) -> None:
    with pytest.raises(RefusedError):
        release_hold(actor=page(elif_), release=release, reason="Leaks memory.")
    release_hold(actor=SYSTEM, release=release, reason="Leaks memory.", environment="production")
    with pytest.raises(ConflictError):
        release_hold(actor=SYSTEM, release=release, reason="Leaks memory.", environment="production")
    said = {
        place.name: next(one for one in for_target(release=release, environment=place) if one.gate == "held-back")
        for place in places
    }
    assert said["staging"].reason == "Nobody holds it back."
    assert said["production"].reason == "2026.11.3 is held back from production: Leaks memory."
    assert release_let_go(actor=SYSTEM, release=release, environment="production") == 1
    assert release_let_go(actor=SYSTEM, release=release, environment="production") == 0
    assert ReleaseHold.objects.get().lifted_by == "panel"


@pytest.fixture
def by_itself(places: tuple[Environment, Environment]) -> Environment:
    staging = places[0]
    staging.promotes_automatically, staging.gates = True, []
    staging.save()
    return staging


def test_the_newest_release_goes_by_itself_once(by_itself: Environment, release: Release) -> None:
    newest = rows.release("2026.11.4")
    assert promotions_automatic() == 1
    promotion = Promotion.objects.get()
    assert (promotion.release, promotion.requested_by, promotion.requested_door) == (newest, "automation", "automation")
    assert promotions_automatic() == 0


def test_a_release_that_failed_is_a_persons_to_try_again(by_itself: Environment, release: Release) -> None:
    rows.long_ago([release], by_itself, asked=[timezone.now()], state=State.FAILED)
    assert promotions_automatic() == 0


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.CANCELED])
def test_the_newest_of_those_that_were_tried_is_not_tried_again(
    by_itself: Environment, release: Release, state: State
) -> None:
    rows.long_ago([release], by_itself, asked=[timezone.now()])
    rows.long_ago([rows.release("2026.11.4")], by_itself, asked=[timezone.now()], state=state)
    assert promotions_automatic() == 0


def test_nothing_goes_by_itself_that_a_gate_refuses(by_itself: Environment, release: Release) -> None:
    release_hold(actor=SYSTEM, release=release, reason="Leaks memory.")
    assert promotions_automatic() == 0
    assert not AuditEvent.objects.filter(action="promotion.refused").exists()


def test_behind_another_environment_only_what_succeeded_there_goes_by_itself(
    places: tuple[Environment, Environment], release: Release
) -> None:
    staging, production = places
    production.promotes_automatically, production.gates = True, []
    production.save()
    assert promotions_automatic() == 0
    rows.long_ago([release], staging, asked=[timezone.now()])
    rows.release("2026.11.4")
    assert promotions_automatic() == 1
    assert Promotion.objects.get(environment=production).release == release


class Windows:
    """An Argo CD that knows of windows for one Application and does not answer for the others."""

    def sync_windows(self, name: str, project: str) -> Any:
        if name != "backend-staging":
            raise Ambiguous("It did not answer.", "Try again.")
        deny = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "manualSync": False}
        return {
            "activeWindows": [deny],
            "assignedWindows": [deny],
            "canSync": False,
        }  # as the transcript sync-windows shows


def test_watch_asks_for_sync_windows_where_the_gate_is_named(
    places: tuple[Environment, Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = places[0]
    monkeypatch.setattr(connections, "argocd_for", lambda environment: Windows())
    directory = Directory("ARGOCD_SERVER")
    assert windows.read(directory, nullcontext) == 0
    staging.gates = [{"name": "sync-windows"}]
    staging.save()
    assert windows.read(Directory("ARGOCD_SERVER"), nullcontext) == 1
    row = Application.objects.get(name="backend-staging")
    assert row.sync_windows["canSync"] is False and row.windows_read_at is not None
    unread = for_target(release=rows.release("2026.11.4"), environment=staging)
    assert next(one for one in unread if one.gate == "sync-windows").verdict == "unknown"
    Application.objects.exclude(pk=row.pk).filter(environment=staging).update(
        sync_windows={"canSync": True}, windows_read_at=timezone.now()
    )
    answer = next(
        one for one in for_target(release=Release.objects.first(), environment=staging) if one.gate == "sync-windows"
    )
    assert answer.reason == "A sync window of Argo CD holds backend-staging: deny * * * * * for 1h."
