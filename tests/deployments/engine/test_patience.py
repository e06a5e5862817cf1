"""Nobody is asked more often than helps: outages, operations of others, and full controllers are waited out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.clients.errors import NotSent
from deployments import advance
from deployments.choices import Rollout, State
from deployments.models import Application, Promotion, PromotionComponent
from deployments.steps import in_flight, sync
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import FakeArgoCD, FakeGit, synced
from tests.deployments.engine.test_steps import step

pytestmark = pytest.mark.django_db
NAME = "backend-staging"


@pytest.fixture
def syncing(promoted: Callable[[], Promotion]) -> Promotion:
    promotion = rows.started(promoted())
    Promotion.objects.filter(pk=promotion.pk).update(state=State.SYNCING, wave=3)
    return promotion


def test_tries_that_meet_the_same_outage_come_later_and_later_and_start_anew_after_an_answer(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)
    argocd.applications[NAME] = NotSent("Argo CD is away.")

    def again() -> float:
        Promotion.objects.filter(pk=syncing.pk).update(next_run_at=timezone.now(), lease_until=None)
        advance.advance(syncing.pk)
        syncing.refresh_from_db()
        assert syncing.next_run_at is not None
        return round((syncing.next_run_at - timezone.now()).total_seconds())

    assert [again() for _ in range(5)] == [5, 10, 20, 30, 30]
    assert syncing.note == "Argo CD is away. Trying again."
    argocd.applications[NAME] = synced(NAME, "", operation_running=True, operation_initiated_by="ada")
    again()
    argocd.applications[NAME] = NotSent("Argo CD is away.")
    assert again() == 5


def test_an_operation_of_someone_else_is_looked_at_less_and_less_often(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion
) -> None:
    argocd.applications[NAME] = synced(NAME, "", operation_running=True, operation_initiated_by="ada")
    outcomes = [step(sync.run, syncing) for _ in range(5)]
    assert [outcome.again for outcome in outcomes] == [2.0, 4.0, 8.0, 15.0, 15.0]
    assert outcomes[0].message == "ada started another sync of backend-staging; waiting for it."
    argocd.applications[NAME] = synced(NAME, "")
    step(sync.run, syncing)
    assert syncing.rollouts.get(component="backend").busy_looks == 0


def sent(promotion: Promotion, count: int, **fields: Any) -> None:
    """So many rollouts of other components on their way to the same Argo CD."""
    now = timezone.now()
    PromotionComponent.objects.bulk_create(
        PromotionComponent(
            promotion=promotion, component=f"c{number}", application=f"c{number}-staging", wave=9, is_changed=True,
            **{"sync_intended_at": now, "started_at": now, "state": Rollout.SYNCING, **fields},
        )
        for number in range(count)
    )  # fmt: skip


@pytest.mark.parametrize(("others", "requests"), [(24, 1), (25, 0)])
def test_no_more_than_25_syncs_are_on_their_way(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion, others: int, requests: int
) -> None:
    sent(syncing, others)
    argocd.applications[NAME] = synced(NAME, "")
    outcome = step(sync.run, syncing)
    assert argocd.requests.count(("sync", NAME)) == requests
    if not requests:
        assert outcome.message == "25 syncs are on their way; backend-staging waits for its turn."
        assert syncing.rollouts.get(component="backend").sync_intended_at is None


@pytest.mark.parametrize(
    ("fields", "observed", "counted"),
    [
        ({"state": Rollout.SYNCING}, None, True),
        ({"state": Rollout.ROLLING_OUT}, None, True),
        ({"state": Rollout.ROLLING_OUT, "started_at": timezone.now() - timedelta(minutes=2)}, None, False),
        ({"state": Rollout.ROLLING_OUT}, True, True),
        ({"state": Rollout.ROLLING_OUT}, False, False),
        ({"state": Rollout.DONE}, True, False),
        ({"state": Rollout.WAITING, "sync_intended_at": None}, None, False),
    ],
)
def test_what_counts_as_on_its_way(
    syncing: Promotion, fields: dict[str, Any], observed: bool | None, counted: bool
) -> None:
    sent(syncing, 1, **fields)
    if observed is not None:
        Application.objects.create(
            name="c0-staging", environment=syncing.environment, component="c0", operation_running=observed,
            operation_marker=str(syncing.pk),
        )  # fmt: skip
    assert in_flight.in_flight("ARGOCD_SERVER") == counted
    assert in_flight.in_flight("ANOTHER") == 0
