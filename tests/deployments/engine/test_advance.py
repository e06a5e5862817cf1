"""Claims that lead nowhere: every row goes on, asks a person or ends; none turns round for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.clients.errors import Ambiguous, GitRejected
from controlpanel.core import audit, lease
from deployments import advance as engine
from deployments import lifecycle
from deployments.choices import Confidence, State
from deployments.models import Promotion
from deployments.services.promotions import promotion_abort, promotion_retry
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import FakeArgoCD, FakeGit, synced

pytestmark = pytest.mark.django_db


def due(promotion: Promotion, **fields: object) -> Promotion:
    Promotion.objects.filter(pk=promotion.pk).update(next_run_at=timezone.now(), lease_until=None, **fields)
    promotion.refresh_from_db()
    return promotion


def actor(user: User) -> Actor:
    return Actor(name=user.username, door="page", user=user)


def test_a_retry_after_a_pause_for_no_progress_gets_all_its_tries_again(
    promoted: Callable[[], Promotion], elif_: User, argocd: FakeArgoCD
) -> None:
    promotion = due(rows.rolling_out_backend(promoted()), attempts=engine.POISONED_AFTER)
    engine.advance(promotion.pk)
    promotion.refresh_from_db()
    assert promotion.state == State.PAUSED
    promotion_retry(actor=actor(elif_), promotion=promotion)
    assert Promotion.objects.get(pk=promotion.pk).attempts == 0


def test_a_promotion_that_a_person_ends_while_a_worker_holds_it_is_never_due_again(
    promoted: Callable[[], Promotion],
) -> None:
    promotion = due(promoted())
    claimed = lease.claim(Promotion, promotion.pk)
    assert claimed is not None
    lifecycle.end(promotion, State.CANCELED, actor=audit.SYSTEM, message="Aborted.")
    lease.release(promotion, claimed[1], in_seconds=0.0)  # what the worker does when it finds its lease lost
    engine.advance(promotion.pk)
    promotion.refresh_from_db()
    assert (promotion.next_run_at, promotion.lease_until) == (None, None)


@pytest.mark.parametrize(("minutes", "state"), [(9, State.SYNCING), (11, State.PAUSED)])
def test_argo_cd_has_ten_minutes_to_accept_a_sync(
    minutes: int, state: State, promoted: Callable[[], Promotion], argocd: FakeArgoCD
) -> None:
    promotion = rows.started(promoted())
    Promotion.objects.filter(pk=promotion.pk).update(wave=3, state=State.SYNCING)
    since = timezone.now() - timedelta(minutes=minutes)
    argocd.applications["backend-staging"] = synced(
        "backend-staging", "someone", operation_running=True, operation_phase="Running", operation_initiated_by="ayse"
    )
    due(promotion, state_since=since)
    engine.advance(promotion.pk)
    promotion.refresh_from_db()
    assert promotion.state == state
    assert "ayse" in (promotion.note or promotion.issue["raw"])


def test_an_outage_longer_than_the_deadline_asks_a_person(
    promoted: Callable[[], Promotion], argocd: FakeArgoCD
) -> None:
    promotion = rows.rolling_out_backend(promoted())
    rows.Application.objects.update(observed_at=None)
    promotion.rollouts.filter(wave=3).update(started_at=timezone.now() - timedelta(minutes=20))
    argocd.applications["backend-staging"] = Ambiguous("Argo CD did not answer.", "Look.")
    engine.advance(due(promotion).pk)
    promotion.refresh_from_db()
    assert (promotion.state, promotion.paused_from) == (State.PAUSED, State.ROLLING_OUT)


def test_a_push_that_a_rule_of_the_server_refuses_asks_a_person_at_once(
    promoted: Callable[[], Promotion], git: FakeGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    promotion = promoted()
    lifecycle.move(promotion, State.RENDERING, actor=audit.SYSTEM, message="Started.")
    lifecycle.move(promotion, State.COMMITTING, actor=audit.SYSTEM, message="Rendered.", plan={})

    def refuse(ref: str) -> str:
        raise GitRejected("The branch is protected.", "Let the panel write it.")

    monkeypatch.setattr(git, "claim", refuse, raising=False)
    engine.advance(due(promotion).pk)
    promotion.refresh_from_db()
    assert promotion.state == State.PAUSED


@pytest.mark.parametrize(("days", "state"), [(6, State.PAUSED), (8, State.FAILED)])
def test_nobody_decides_for_seven_days(days: int, state: State, promoted: Callable[[], Promotion]) -> None:
    promotion = rows.paused(promoted())
    due(promotion, state_since=timezone.now() - timedelta(days=days))
    engine.advance(promotion.pk)
    promotion.refresh_from_db()
    assert promotion.state == state
    assert promotion.next_run_at is not None or state == State.FAILED


def test_a_pause_comes_back_by_itself(promoted: Callable[[], Promotion]) -> None:
    assert Promotion.objects.get(pk=rows.paused(promoted()).pk).next_run_at is not None


@pytest.mark.parametrize(("is_held", "state"), [(False, State.PAUSED), (True, State.FAILED)])
def test_an_abort_that_argo_cd_never_confirms_ends_as_unknown_or_asks(
    is_held: bool, state: State, promoted: Callable[[], Promotion], elif_: User, argocd: FakeArgoCD
) -> None:
    promotion = rows.rolling_out_backend(promoted())
    promotion.rollouts.filter(wave=3).update(sync_intended_at=timezone.now())
    promotion_abort(actor=actor(elif_), promotion=promotion)
    if is_held:
        lifecycle.move(promoted(), State.RENDERING, actor=audit.SYSTEM, message="Started.")
    argocd.applications["backend-staging"] = synced(
        "backend-staging", str(promotion.pk), operation_running=True, operation_phase="Terminating"
    )
    due(promotion, state_since=timezone.now() - timedelta(minutes=11))
    engine.advance(promotion.pk)
    promotion.refresh_from_db()
    assert promotion.state == state
    if is_held:
        assert promotion.confidence == Confidence.UNKNOWN
