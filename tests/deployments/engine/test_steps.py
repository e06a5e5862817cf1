"""What a step concludes from what Argo CD and Git say: no false end, no second sync, few requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.clients.argocd_models import HistoryEntry
from controlpanel.clients.argocd_tree import Node, Tree
from controlpanel.clients.errors import Ambiguous
from controlpanel.core import audit
from controlpanel.core.lease import Clock, Lease
from deployments import lifecycle
from deployments.choices import Confidence, Rollout, State
from deployments.models import Application, Promotion, PromotionComponent
from deployments.services.promotions import promotion_retry
from deployments.steps import Context, Outcome, cancel, commit, observe, start, sync
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import FINISHED, STARTED, FakeArgoCD, FakeGit, synced

pytestmark = pytest.mark.django_db
OLDER, LATER, APPLICATION = "a" * 40, "e" * 40, "backend-staging"
SYNCED_ONCE = (
    HistoryEntry(id=1, revision=rows.COMMIT, initiated_by="panel", deploy_started_at=STARTED, deployed_at=FINISHED),
)


def step(run: Callable[[Context], Outcome], promotion: Promotion, **fields: Any) -> Outcome:
    """Run one step as the holder of the promotion's row."""
    Promotion.objects.filter(pk=promotion.pk).update(fencing=77, **fields)
    row = Promotion.objects.select_related("environment", "release", "preflight", "requester").get(pk=promotion.pk)
    return run(Context(promotion=row, lease=Lease(fencing=77, ends_at=float("inf"))))


def rollout_of(promotion: Promotion, **fields: Any) -> PromotionComponent:
    """The backend's rollout, changed as the test needs it."""
    promotion.rollouts.filter(component="backend").update(**fields)
    return promotion.rollouts.get(component="backend")


@pytest.fixture
def syncing(promoted: Callable[[], Promotion]) -> Promotion:
    """Sends the wave of the backend."""
    promotion = rows.started(promoted())
    Promotion.objects.filter(pk=promotion.pk).update(state=State.SYNCING, wave=3)
    return promotion


@pytest.fixture
def rolling(promoted: Callable[[], Promotion]) -> Promotion:
    """Follows the wave of the backend; watch says nothing."""
    promotion = rows.rolling_out_backend(promoted())
    Application.objects.update(observed_at=None)
    return promotion


@pytest.mark.parametrize(
    ("seen", "state", "sent"),
    [
        ({"revision": rows.COMMIT}, Rollout.DONE, 0),
        ({"revision": OLDER}, Rollout.WAITING, 0),
        ({"revision": rows.COMMIT, "reconciled_at": STARTED}, Rollout.WAITING, 0),
        ({"revision": rows.COMMIT, "sync_status": "OutOfSync"}, Rollout.ROLLING_OUT, 1),
    ],
    ids=["compared with our commit", "with an older one", "before the last operation", "out of sync"],
)
def test_an_unchanged_component_is_left_alone_only_when_it_was_compared_with_our_commit(
    seen: dict[str, Any], state: Rollout, sent: int, syncing: Promotion, argocd: FakeArgoCD, git: FakeGit
) -> None:
    rollout_of(syncing, is_changed=False)
    argocd.applications[APPLICATION] = synced(APPLICATION, "before", OLDER, **seen)
    step(sync.run, syncing)
    assert rollout_of(syncing).state == state
    assert Counter(kind for kind, _ in argocd.requests)["sync"] == sent


@pytest.mark.parametrize(("changed", "state"), [((), Rollout.DONE), (("backend/a.yaml",), Rollout.WAITING)])
def test_another_writers_later_commit_counts_as_ours_where_it_leaves_the_component_alone(
    changed: tuple[str, ...], state: Rollout, syncing: Promotion, argocd: FakeArgoCD, git: FakeGit
) -> None:
    rollout_of(syncing, is_changed=False)
    git.ancestors, git.changed = {(rows.COMMIT, LATER)}, {"backend": changed}
    argocd.applications[APPLICATION] = synced(APPLICATION, "before", OLDER, revision=LATER)
    step(sync.run, syncing)
    assert rollout_of(syncing).state == state


@pytest.mark.parametrize("history", [SYNCED_ONCE, ()], ids=["it ran", "it never ran"])
def test_a_sync_that_someone_elses_followed_is_not_sent_twice(
    history: tuple[HistoryEntry, ...], syncing: Promotion, argocd: FakeArgoCD
) -> None:
    rollout_of(syncing, sync_intended_at=timezone.now() - timedelta(minutes=2), state=Rollout.SYNCING)
    argocd.applications[APPLICATION] = synced(APPLICATION, "", OLDER, history=history)
    step(sync.run, syncing)
    assert Counter(kind for kind, _ in argocd.requests)["sync"] == (0 if history else 1)


def test_a_wrong_clock_does_not_shorten_the_quarantine(syncing: Promotion, argocd: FakeArgoCD) -> None:
    rollout_of(syncing, sync_intended_at=Clock()(), state=Rollout.SYNCING)
    argocd.applications[APPLICATION] = synced(APPLICATION, "before", OLDER)
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        step(sync.run, syncing)
    assert Counter(kind for kind, _ in argocd.requests)["sync"] == 0


@pytest.mark.parametrize(
    ("seen", "is_proved"),
    [
        ({}, True),
        ({"revision": LATER}, True),
        ({"operation_marker": "", "history": SYNCED_ONCE}, True),
        ({"operation_marker": "", "operation_revision": OLDER, "sync_result_revision": OLDER, "revision": OLDER, "history": SYNCED_ONCE}, False),
        ({"reconciled_at": FINISHED}, False),
        ({"operation_running": True}, False),
        ({"health_status": "Progressing"}, False),
        ({"sync_result_revision": OLDER, "operation_revision": OLDER}, None),
        ({"operation_marker": ""}, None),
    ],
    ids=["ours", "a later commit elsewhere", "replaced by an equal one", "rolled back by someone", "same second", "running", "progressing", "other commit", "replaced"],
)  # fmt: skip
def test_only_a_fresh_comparison_with_our_commit_proves_a_rollout(
    seen: dict[str, Any], is_proved: bool | None, rolling: Promotion, argocd: FakeArgoCD, git: FakeGit
) -> None:
    git.ancestors = {(rows.COMMIT, LATER)}
    rollout_of(rolling, good_since=timezone.now() - timedelta(minutes=1))
    argocd.applications[APPLICATION] = synced(APPLICATION, str(rolling.pk), **seen)
    outcome = step(observe.run, rolling)
    assert (outcome.issue is None) is (is_proved is not None)
    assert (rollout_of(rolling).state == Rollout.DONE) is bool(is_proved)


def test_a_component_that_was_good_and_is_no_longer_settles_anew(rolling: Promotion, argocd: FakeArgoCD) -> None:
    rollout_of(rolling, good_since=timezone.now() - timedelta(minutes=1))
    Application.objects.filter(name=APPLICATION).update(
        observed_at=timezone.now(), operation="Succeeded", operation_marker=str(rolling.pk), health="Progressing"
    )
    step(observe.run, rolling)
    assert rollout_of(rolling).good_since is None


def test_a_rollout_of_five_minutes_costs_few_requests(syncing: Promotion, argocd: FakeArgoCD) -> None:
    now = timezone.now()
    marker = str(syncing.pk)
    argocd.applications[APPLICATION] = synced(APPLICATION, "before", OLDER)
    clock = [now]
    Application.objects.filter(name=APPLICATION).update(operation="Succeeded", operation_marker="before")

    def run() -> Outcome:
        Promotion.objects.filter(pk=syncing.pk).update(fencing=77)
        Application.objects.filter(name=APPLICATION).update(observed_at=clock[0])
        row = Promotion.objects.select_related("environment", "release").get(pk=syncing.pk)
        context = Context(promotion=row, lease=Lease(fencing=77, ends_at=float("inf")), clock=lambda: clock[0])
        return (sync.run if row.state == State.SYNCING else observe.run)(context)

    def for_seconds(seconds: float) -> None:
        end = clock[0] + timedelta(seconds=seconds)
        while clock[0] < end:
            clock[0] += timedelta(seconds=max(1.0, run().again or 0.0))

    run()
    Promotion.objects.filter(pk=syncing.pk).update(state=State.ROLLING_OUT)
    argocd.applications[APPLICATION] = synced(APPLICATION, marker, health_status="Progressing", reconciled_at=STARTED)
    Application.objects.filter(name=APPLICATION).update(operation_marker=marker, sync="Synced", health="Healthy")
    run()  # stale: healthy from before
    Application.objects.filter(name=APPLICATION).update(health="Progressing")
    for_seconds(300)
    argocd.applications[APPLICATION] = synced(APPLICATION, marker)
    Application.objects.filter(name=APPLICATION).update(health="Healthy")
    for_seconds(12)
    assert rollout_of(syncing).state == Rollout.DONE
    assert len(argocd.requests) <= 15, Counter(kind for kind, _ in argocd.requests)


def test_an_unhealthy_application_that_the_release_leaves_alone_holds_it_at_the_start_too(
    promoted: Callable[[], Promotion],
) -> None:
    promotion = promoted()
    Application.objects.filter(name="ai-staging").update(health="Degraded")
    step(start.run, promotion)
    promotion.refresh_from_db()
    assert (promotion.state, "ai-staging" in promotion.note) == (State.QUEUED, True)


def canceling(promotion: Promotion, **fields: Any) -> Promotion:
    lifecycle.move(promotion, State.RENDERING, actor=audit.SYSTEM, message="Started.")
    lifecycle.move(promotion, State.COMMITTING, actor=audit.SYSTEM, message="Rendered.")
    lifecycle.move(promotion, State.CANCELING, actor=audit.SYSTEM, message="Abort asked for.", **fields)
    return promotion


def test_an_abort_asked_for_twice_is_not_taken_for_a_commit_of_its_own(
    promoted: Callable[[], Promotion], git: FakeGit, argocd: FakeArgoCD
) -> None:
    promotion = canceling(promoted(), intended_commit=LATER)
    git.tips["env/staging"] = OLDER
    step(cancel.run, promotion)
    git.tips["env/staging"] = "f" * 40  # someone pushed between a crash and the second try
    outcome = step(cancel.run, promotion)
    assert (outcome.to, Promotion.objects.get(pk=promotion.pk).commit) == (State.CANCELED, "")


def test_an_abort_before_the_branch_exists_leaves_a_tombstone_too(
    promoted: Callable[[], Promotion], git: FakeGit, argocd: FakeArgoCD
) -> None:
    promotion = canceling(promoted(), intended_commit=LATER)
    git.tips["HEAD"] = OLDER
    assert step(cancel.run, promotion).to == State.CANCELED
    assert git.tips[f"refs/panel/promotions/{promotion.pk}/1"] == OLDER


def test_an_abort_adopts_a_push_that_landed(
    promoted: Callable[[], Promotion], git: FakeGit, argocd: FakeArgoCD
) -> None:
    promotion = canceling(promoted(), intended_commit=LATER, commit_parent=OLDER)
    git.tips[f"refs/panel/promotions/{promotion.pk}/1"] = LATER
    git.messages[LATER] = commit._message(promotion, "0" * 64)
    outcome = step(cancel.run, promotion)
    assert (outcome.to, Promotion.objects.get(pk=promotion.pk).commit) == (State.CANCELED, LATER)


def test_an_abort_waits_for_a_repeated_sync_that_may_still_be_on_its_way(
    rolling: Promotion, argocd: FakeArgoCD
) -> None:
    lifecycle.move(rolling, State.CANCELING, actor=audit.SYSTEM, message="Abort asked for.")
    rollout_of(rolling, state=Rollout.SYNCING, sync_intended_at=Clock()(), spent_operation=str(STARTED))
    argocd.applications[APPLICATION] = synced(APPLICATION, str(rolling.pk), operation_phase="Failed")
    assert step(cancel.run, rolling).to is None


def test_an_abort_says_that_an_application_took_the_commit_though_someone_synced_it_since(
    rolling: Promotion, argocd: FakeArgoCD
) -> None:
    lifecycle.move(rolling, State.CANCELING, actor=audit.SYSTEM, message="Abort asked for.")
    rollout_of(rolling, sync_intended_at=timezone.now())
    argocd.applications[APPLICATION] = synced(APPLICATION, "", history=SYNCED_ONCE)
    outcome = step(cancel.run, rolling)
    assert outcome.fields["live_revision"] == rows.COMMIT


def test_what_a_lost_controller_left_is_sent_again_by_a_retry(rolling: Promotion, argocd: FakeArgoCD) -> None:
    marker, now = str(rolling.pk), timezone.now()
    long_ago = now - timedelta(hours=1)
    rollout_of(rolling, state=Rollout.ROLLING_OUT, started_at=long_ago, accepted_operation=str(STARTED))
    orphaned = {"operation": "Running", "operation_running": False, "operation_marker": marker, "observed_at": now}
    Application.objects.filter(name=APPLICATION).update(**orphaned)
    argocd.applications[APPLICATION] = synced(
        APPLICATION, marker, operation_phase="Running", operation_finished_at=None
    )
    outcome = step(observe.run, rolling)
    assert outcome.issue is not None
    lifecycle.pause(rolling, actor=audit.SYSTEM, lease=None, issue={**outcome.issue, "effect": ""})
    promotion_retry(actor=Actor(name="ci", door="api", is_system=True), promotion=rolling)
    step(sync.run, rolling)
    assert ("sync", APPLICATION) in argocd.requests


def test_a_tree_that_cannot_be_read_keeps_nothing_from_being_proved(
    rolling: Promotion, argocd: FakeArgoCD, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Ambiguous("Argo CD could not read the resources.", "Look.")

    monkeypatch.setattr(argocd, "resource_tree", refuse)
    rollout_of(rolling, good_since=timezone.now() - timedelta(minutes=1))
    argocd.applications[APPLICATION] = synced(APPLICATION, str(rolling.pk))
    step(observe.run, rolling)
    assert rollout_of(rolling).state == Rollout.DONE


def test_a_stuck_pod_that_says_nothing_itself_is_told_by_its_newest_event_without_credentials(
    rolling: Promotion, argocd: FakeArgoCD, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes lists events by name; one that happened again stands where it first was."""
    address = f"https://ada:{'hunter2'}@registry.example.com/backend"
    pod = Node(
        "", "v1", "Pod", "hub", "backend-x", uid="3", info={"Status Reason": "ErrImagePull", "Containers": "0/1"}
    )
    events = (
        {"message": f"Failed to pull {address}", "lastTimestamp": "2026-11-23T12:03:00Z"},
        {"message": "Successfully assigned", "lastTimestamp": None, "eventTime": "2026-11-23T12:00:00.5Z"},
        {"message": "Pulling", "lastTimestamp": "2026-11-23T12:02:00Z"},
        {"message": "", "lastTimestamp": "2026-11-23T12:04:00Z"},
    )
    monkeypatch.setattr(argocd, "resource_tree", lambda *_, **__: Tree((pod,)))
    monkeypatch.setattr(argocd, "events", lambda *_, **__: events, raising=False)
    rollout_of(rolling, stuck_since=timezone.now() - timedelta(hours=1), next_tree_at=None)
    rolling.rollouts.exclude(component="backend").update(is_changed=False)
    rolling.rollouts.filter(component="ai").update(is_changed=True, state=Rollout.DONE)
    argocd.applications[APPLICATION] = synced(APPLICATION, str(rolling.pk), health_status="Progressing")
    issue = step(observe.run, rolling).issue
    assert issue is not None
    assert issue["raw"].startswith("Failed to pull https://") and "hunter2" not in issue["raw"]
    assert f" ai already runs {rolling.release}." in issue["effect"]


def test_an_end_after_a_push_that_was_never_answered_is_not_sure(promoted: Callable[[], Promotion]) -> None:
    promotion = canceling(promoted(), intended_commit=LATER)
    lifecycle.end(promotion, State.FAILED, actor=audit.SYSTEM, message="Nobody decided.")
    assert Promotion.objects.get(pk=promotion.pk).confidence == Confidence.UNKNOWN
