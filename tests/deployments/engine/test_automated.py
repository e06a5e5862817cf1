"""Applications that sync by themselves: refreshed, followed at our commit, synced without a revision only where nothing happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.clients.errors import AutomatedSync
from deployments.choices import Rollout, State
from deployments.models import Application, Promotion
from deployments.steps import observe, sync
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import STARTED, FakeArgoCD, FakeGit, synced
from tests.deployments.engine.test_steps import step

pytestmark = pytest.mark.django_db
NAME, OLDER, LATER = "backend-staging", "a" * 40, "e" * 40


@pytest.fixture
def syncing(promoted: Callable[[], Promotion]) -> Promotion:
    promotion = rows.started(promoted())
    Promotion.objects.filter(pk=promotion.pk).update(state=State.SYNCING, wave=3)
    return promotion


def automated(commit: str = rows.COMMIT, **fields: Any) -> Any:
    values = {"automated": True, "operation_automated": True, "operation_initiated_by": "automated sync"}
    return synced(NAME, "", commit, **{**values, **fields})


def state_of(promotion: Promotion) -> str:
    return promotion.rollouts.get(component="backend").state


@pytest.mark.parametrize(
    ("seen", "taken"),
    [
        (automated(operation_running=True, operation_phase="Running"), True),
        (automated(operation_phase="Failed"), True),
        (automated(OLDER, revision=rows.COMMIT), True),
        (automated(LATER), True),
        (automated(OLDER), False),
        (automated(OLDER, revision=rows.COMMIT, sync_status="OutOfSync"), False),
    ],
    ids=["running", "failed", "nothing to do", "a later commit", "an older one", "not begun"],
)
def test_the_controllers_own_operation_counts_at_our_commit(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion, seen: Any, taken: bool
) -> None:
    git.ancestors = {(rows.COMMIT, LATER)}
    argocd.applications[NAME] = seen
    step(sync.run, syncing)
    assert (state_of(syncing) == Rollout.ROLLING_OUT) is taken
    assert argocd.requests == [("get", NAME), ("refresh", NAME)]


def test_a_later_commit_that_changes_the_component_is_not_ours(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion
) -> None:
    git.ancestors, git.changed = {(rows.COMMIT, LATER)}, {"backend": ("backend/x.yaml",)}
    argocd.applications[NAME] = automated(LATER)
    step(sync.run, syncing)
    assert state_of(syncing) == Rollout.WAITING


def test_where_nothing_happens_a_sync_without_a_revision_is_sent_once(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion
) -> None:
    argocd.applications[NAME] = automated(OLDER, revision=rows.COMMIT, sync_status="OutOfSync")
    waits = [step(sync.run, syncing).message for _ in range(3)]
    assert set(waits) == {"Waiting for the automated sync of backend-staging."}
    step(sync.run, syncing)
    assert (argocd.revisions, state_of(syncing)) == ([None], Rollout.ROLLING_OUT)


def test_a_person_who_repeats_a_failed_one_gets_a_new_one(argocd: FakeArgoCD, git: FakeGit, syncing: Promotion) -> None:
    syncing.rollouts.filter(component="backend").update(spent_operation=str(STARTED), busy_looks=3)
    argocd.applications[NAME] = automated(operation_phase="Failed")
    step(sync.run, syncing)
    assert argocd.revisions == [None]


def test_automated_sync_that_was_switched_on_meanwhile_is_looked_at_again(
    argocd: FakeArgoCD, git: FakeGit, syncing: Promotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AutomatedSync("Cannot sync to it.", "")

    monkeypatch.setattr(argocd, "sync", refuse)
    argocd.applications[NAME] = synced(NAME, "", OLDER)
    outcome = step(sync.run, syncing)
    assert (outcome.issue, outcome.message) == (None, "backend-staging syncs by itself by now; looking again.")
    assert syncing.rollouts.get(component="backend").sync_intended_at is None


def test_it_is_proved_without_our_mark(argocd: FakeArgoCD, git: FakeGit, promoted: Callable[[], Promotion]) -> None:
    promotion = rows.rolling_out_backend(promoted())
    Application.objects.update(observed_at=None)
    argocd.applications[NAME] = automated()
    step(observe.run, promotion)
    assert promotion.rollouts.get(component="backend").good_since is not None


@pytest.mark.parametrize(
    ("seen", "reads"), [(rows.COMMIT, 1), (OLDER, 0)], ids=["compared with our commit", "as before our commit"]
)
def test_it_is_read_as_soon_as_watch_saw_it_compared_with_our_commit(
    argocd: FakeArgoCD, git: FakeGit, promoted: Callable[[], Promotion], seen: str, reads: int
) -> None:
    promotion = rows.rolling_out_backend(promoted())
    promotion.rollouts.filter(component="backend").update(started_at=timezone.now())
    Application.objects.filter(name=NAME).update(
        automated=True, operation_marker="", operation="Succeeded", operation_running=False, revision=seen,
        sync="Synced", health="Healthy", observed_at=timezone.now(),
    )  # fmt: skip
    argocd.applications[NAME] = automated()
    step(observe.run, promotion)
    assert argocd.requests.count(("get", NAME)) == reads
