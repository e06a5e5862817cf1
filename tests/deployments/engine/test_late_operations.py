"""A request that was held for longer than the quarantine and lands after all: noticed, shown, never fought."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.errors import NotSent
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent
from deployments import lifecycle
from deployments.choices import Confidence, Rollout, State
from deployments.models import Promotion, PromotionComponent
from deployments.steps import sync
from deployments.watching import late
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import STARTED, FakeArgoCD, FakeGit, synced
from tests.deployments.engine.test_steps import step

pytestmark = pytest.mark.django_db
NAME = "backend-staging"
ACCEPTED, LATE = STARTED, STARTED + timedelta(seconds=90)


@pytest.fixture
def rollout(promoted: Callable[[], Promotion]) -> PromotionComponent:
    """The backend's rollout, whose operation is known."""
    promotion = rows.rolling_out_backend(promoted())
    promotion.rollouts.filter(component="backend").update(
        sync_intended_at=timezone.now(), accepted_operation=str(ACCEPTED)
    )
    return promotion.rollouts.get(component="backend")


def read(rollout: PromotionComponent, began: Any, commit: str = rows.COMMIT) -> Read:
    return synced(NAME, str(rollout.promotion_id), commit, operation_started_at=began)


def notice(argocd: FakeArgoCD, rollout: PromotionComponent, event: Read, now: Any = None) -> PromotionComponent:
    """The event comes by the stream; a fresh read says `now`, or the same."""
    argocd.applications[NAME] = now or event
    late.notice(argocd, [event], transaction.atomic)  # type: ignore[arg-type]
    return PromotionComponent.objects.get(pk=rollout.pk)


def alarms() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action="promotion.late_operation"))


def test_a_second_operation_with_our_mark_is_told_once_and_makes_the_end_unsure(
    argocd: FakeArgoCD, rollout: PromotionComponent
) -> None:
    for _ in range(2):
        row = notice(argocd, rollout, read(rollout, LATE))
    assert row.late_operation == str(LATE)
    (alarm,) = alarms()
    assert "A sync of backend-staging with this promotion's mark began at 12:01:31 UTC" in alarm.message
    assert "beside the one that counts" in alarm.message
    promotion = Promotion.objects.select_related("environment", "release").get(pk=rollout.promotion_id)
    lifecycle.move(promotion, State.VERIFYING, actor=audit.SYSTEM, message="Done.")
    lifecycle.end(promotion, State.SUCCEEDED, actor=audit.SYSTEM, message="Live.", confidence=Confidence.OBSERVED)
    promotion.refresh_from_db()
    assert promotion.confidence == Confidence.UNKNOWN


def test_an_event_that_lags_behind_raises_no_alarm(argocd: FakeArgoCD, rollout: PromotionComponent) -> None:
    notice(argocd, rollout, read(rollout, LATE), now=read(rollout, ACCEPTED))
    assert not alarms()
    assert argocd.requests == [("get", NAME)]


def test_what_counts_and_what_a_person_chose_to_repeat_ask_nothing(
    argocd: FakeArgoCD, rollout: PromotionComponent
) -> None:
    PromotionComponent.objects.filter(pk=rollout.pk).update(spent_operation=str(LATE))
    for began in (ACCEPTED, LATE, None):
        notice(argocd, rollout, read(rollout, began))
    assert not argocd.requests


def test_one_of_an_ended_promotion_is_told_and_its_end_stays(argocd: FakeArgoCD, rollout: PromotionComponent) -> None:
    promotion = Promotion.objects.select_related("environment", "release").get(pk=rollout.promotion_id)
    lifecycle.end(promotion, State.FAILED, actor=audit.SYSTEM, message="Given up.", confidence=Confidence.OBSERVED)
    PromotionComponent.objects.filter(pk=rollout.pk).update(accepted_operation="")
    notice(argocd, rollout, read(rollout, LATE))
    (alarm,) = alarms()
    assert "after this promotion had ended" in alarm.message
    promotion.refresh_from_db()
    assert (promotion.state, promotion.confidence) == (State.FAILED, Confidence.OBSERVED)


def test_without_a_fresh_read_nothing_is_said_yet(argocd: FakeArgoCD, rollout: PromotionComponent) -> None:
    row = notice(argocd, rollout, read(rollout, LATE), now=NotSent("Away."))
    assert (row.late_operation, alarms()) == ("", [])


@pytest.mark.parametrize(
    ("spent", "began", "commit", "learned"),
    [
        ("", ACCEPTED, rows.COMMIT, True),
        (str(LATE), ACCEPTED, rows.COMMIT, False),
        ("", ACCEPTED, "a" * 40, False),
    ],
    ids=["the first", "one from before the repeated one", "at another commit"],
)
def test_the_first_operation_at_our_commit_counts(
    argocd: FakeArgoCD, rollout: PromotionComponent, spent: str, began: Any, commit: str, learned: bool
) -> None:
    PromotionComponent.objects.filter(pk=rollout.pk).update(accepted_operation="", spent_operation=spent)
    event = read(rollout, began, commit)
    row = notice(argocd, rollout, event, now=synced(NAME, "someone's"))
    assert bool(row.accepted_operation) is learned
    assert not alarms()


def test_marks_that_are_none_of_ours_are_left_alone(argocd: FakeArgoCD, rollout: PromotionComponent) -> None:
    for marker in ("", "not-a-uuid", "01993b5e-0000-7000-8000-000000000000"):
        notice(argocd, rollout, synced(NAME, marker, operation_started_at=LATE))
    assert not argocd.requests


def test_a_step_keeps_which_operation_counts_and_forgets_it_when_it_sends_anew(
    argocd: FakeArgoCD, git: FakeGit, promoted: Callable[[], Promotion]
) -> None:
    promotion = rows.started(promoted())
    Promotion.objects.filter(pk=promotion.pk).update(state=State.SYNCING, wave=3)
    row = promotion.rollouts.get(component="backend")
    argocd.applications[NAME] = read(row, ACCEPTED)
    step(sync.run, promotion)
    row.refresh_from_db()
    assert (row.state, row.accepted_operation) == (Rollout.ROLLING_OUT, str(ACCEPTED))
    promotion.rollouts.filter(pk=row.pk).update(state=Rollout.WAITING, spent_operation=str(ACCEPTED))
    Promotion.objects.filter(pk=promotion.pk).update(state=State.SYNCING)
    step(sync.run, promotion)
    row.refresh_from_db()
    assert (row.sync_sent, row.accepted_operation) == (1, "")  # the fake still shows the one before
