"""Nobody is asked more often than helps: outages, operations of others, and full controllers are waited out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.clients.argocd_tree import Tree
from controlpanel.clients.errors import NotSent, TooBusy
from deployments import advance
from deployments.choices import Rollout, State
from deployments.models import Application, Promotion, PromotionComponent
from deployments.steps import in_flight, observe, sync
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
    assert (("get", NAME) in argocd.requests) == bool(requests)  # a place is waited for without asking Argo CD
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


@pytest.mark.parametrize(("waiting", "seconds"), [(1, 2.0), (100, 8.0), (1000, 30.0)])
def test_the_more_wait_for_a_place_the_less_often_each_looks(syncing: Promotion, waiting: int, seconds: float) -> None:
    syncing.rollouts.all().delete()
    assert in_flight.turn_seconds("ARGOCD_SERVER") is None
    sent(syncing, in_flight.MOST_IN_FLIGHT)
    rows_waiting = [
        PromotionComponent(
            promotion=syncing, component=f"w{number}", application=f"w{number}-staging", wave=9, is_changed=True
        )
        for number in range(waiting)
    ]
    PromotionComponent.objects.bulk_create(rows_waiting)
    assert in_flight.turn_seconds("ARGOCD_SERVER") == seconds


def test_a_tree_is_left_for_later_while_argo_cd_is_busy_and_nothing_else_changes(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    Promotion.objects.filter(pk=syncing.pk).update(state=State.ROLLING_OUT)
    syncing.rollouts.filter(wave=3).update(
        state=Rollout.ROLLING_OUT,
        started_at=timezone.now(),
        next_tree_at=timezone.now(),
        message="1 of 2 new pods ready",
    )
    running = {"operation": "Running", "operation_running": True, "operation_marker": str(syncing.pk)}
    Application.objects.filter(name=NAME).update(**running, observed_at=timezone.now())

    def busy(name: str, project: str, *, only_if_quiet: bool = False) -> Tree:
        assert only_if_quiet
        raise TooBusy("Argo CD is asked for much else right now.")

    monkeypatch.setattr(argocd, "resource_tree", busy)
    outcome = step(observe.run, syncing)
    rollout = syncing.rollouts.get(component="backend")
    assert (outcome.issue, rollout.message, rollout.tree_reads) == (None, "1 of 2 new pods ready", 0)
    assert rollout.next_tree_at is not None
    assert rollout.next_tree_at > timezone.now()


def test_trees_that_become_due_soon_are_read_in_one_go(argocd: FakeArgoCD, git: FakeGit, syncing: Promotion) -> None:
    Promotion.objects.filter(pk=syncing.pk).update(state=State.ROLLING_OUT)
    now = timezone.now()
    sent(syncing, 3, state=Rollout.ROLLING_OUT, tree_reads=1)
    syncing.rollouts.update(wave=4)
    syncing.rollouts.filter(component__startswith="c").update(wave=3)
    for number, seconds in enumerate((0, 1, 20)):
        syncing.rollouts.filter(component=f"c{number}").update(next_tree_at=now + timedelta(seconds=seconds))
        Application.objects.create(
            name=f"c{number}-staging", environment=syncing.environment, component=f"c{number}", observed_at=now,
            operation="Running", operation_running=True, operation_marker=str(syncing.pk),
        )  # fmt: skip
    step(observe.run, syncing)
    assert [name for kind, name in argocd.requests if kind == "tree"] == ["c0-staging", "c1-staging"]


@pytest.mark.parametrize(("seconds", "asked"), [(1, False), (10, True)])
def test_a_copy_that_does_not_show_our_sync_yet_is_no_reason_to_ask_before_it_must(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion, seconds: int, asked: bool
) -> None:
    Promotion.objects.filter(pk=syncing.pk).update(state=State.ROLLING_OUT)
    now = timezone.now()
    later = {"started_at": now - timedelta(seconds=seconds), "next_tree_at": now + timedelta(minutes=1)}
    syncing.rollouts.filter(wave=3).update(state=Rollout.ROLLING_OUT, **later)
    Application.objects.filter(name=NAME).update(
        operation="Succeeded", operation_running=False, operation_marker="another", observed_at=now
    )
    argocd.applications[NAME] = synced(NAME, str(syncing.pk))
    step(observe.run, syncing)
    assert (("get", NAME) in argocd.requests) is asked


@pytest.mark.parametrize(
    ("changed", "read", "asked"), [(-5, -2, False), (-1, -2, True), (-60, -11, True)],
    ids=["nothing new", "changed since", "long ago"],
)  # fmt: skip
def test_what_others_of_the_wave_wake_it_for_is_read_again_only_where_it_says_something_new(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion, changed: int, read: int, asked: bool
) -> None:
    Promotion.objects.filter(pk=syncing.pk).update(state=State.ROLLING_OUT)
    now = timezone.now()
    fields = {"started_at": now - timedelta(minutes=1), "next_tree_at": now + timedelta(minutes=1)}
    syncing.rollouts.filter(wave=3).update(
        state=Rollout.ROLLING_OUT, read_at=now + timedelta(seconds=read), **fields
    )  # fmt: skip
    Application.objects.filter(name=NAME).update(
        operation="Succeeded", operation_running=False, operation_marker=str(syncing.pk), sync="Synced", health="Healthy",
        observed_at=now, changed_at=now + timedelta(seconds=changed),
    )  # fmt: skip
    argocd.applications[NAME] = synced(NAME, str(syncing.pk))
    outcome = step(observe.run, syncing)
    assert (("get", NAME) in argocd.requests) is asked
    assert asked or 0 < (outcome.again or 0) <= 10
