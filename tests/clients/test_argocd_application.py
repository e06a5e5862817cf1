"""When an Application counts as rolled out: every condition alone keeps it from that, and absent fields never do harm."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.clients.argocd_json import moment
from controlpanel.clients.argocd_models import Application, Condition, Resource
from controlpanel.clients.argocd_rollout import Verdict
from tests.contract.transcripts import applications

COMMIT, OTHER = "a" * 40, "b" * 40
MARKER = "0198c0de-0000-7000-8000-000000000001"
FINISHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

DONE = Application(
    name="backend-production",
    project="hub",
    sync_status="Synced",
    revision=COMMIT,
    health_status="Healthy",
    operation_phase="Succeeded",
    operation_marker=MARKER,
    operation_revision=COMMIT,
    operation_initiated_by="panel",
    operation_finished_at=FINISHED,
    sync_result_revision=COMMIT,
    reconciled_at=FINISHED + timedelta(seconds=1),
    compared_to_spec=True,
)


def test_all_conditions_together_are_a_rollout() -> None:
    assert DONE.rolled_out_at(COMMIT, MARKER) == Verdict("rolled_out")
    assert DONE.rolled_out_at(COMMIT, None)


def resource(status: str, message: str = "", health: str = "") -> Resource:
    return Resource("apps", "Deployment", "hub", "backend", status, health, message)


@pytest.mark.parametrize(
    ("change", "standing", "reason"),
    [
        ({"deleting": True}, "failed", "being deleted"),
        ({"operation_marker": "another"}, "superseded", "not ours (by panel)"),
        ({"operation_marker": ""}, "superseded", "not ours"),
        ({"operation_marker": "", "operation_phase": ""}, "waiting", "No operation was seen"),
        ({"operation_marker": "another", "operation_running": True}, "waiting", "promotion another runs"),
        ({"operation_marker": "", "operation_running": True}, "waiting", "by panel runs"),
        ({"operation_running": True, "operation_phase": ""}, "waiting", "is running"),
        ({"operation_running": True, "operation_message": "waiting for hook"}, "waiting", "waiting for hook"),
        ({"operation_phase": "Running"}, "waiting", "nobody runs it"),
        ({"operation_phase": "Terminating"}, "waiting", "nobody runs it"),
        ({"operation_phase": "Failed", "operation_message": "one or more objects failed to apply"}, "failed", "failed to apply"),
        ({"operation_phase": "Error"}, "failed", "ended Error"),
        ({"operation_phase": "Novel"}, "waiting", "reads Novel"),
        ({"operation_dry_run": True}, "failed", "dry run"),
        ({"operation_finished_at": None}, "failed", "applied"),
        ({"sync_result_revision": OTHER}, "failed", "applied bbbbbbbbbbbb, not aaaaaaaaaaaa"),
        ({"sync_result_revision": ""}, "failed", "nothing known"),
        ({"sync_result": (resource("SyncFailed", "denied"),)}, "failed", "Deployment hub/backend was not applied: denied"),
        ({"sync_result": (resource("PruneSkipped", "ignored (requires pruning)"),)}, "failed", "requires pruning"),
        ({"reconciled_at": FINISHED}, "stale", "not compared again"),
        ({"reconciled_at": FINISHED - timedelta(seconds=1)}, "stale", "not compared again"),
        ({"reconciled_at": None}, "stale", "not compared again"),
        ({"compared_to_spec": False}, "stale", "older specification"),
        ({"revision": OTHER}, "stale", "compared at bbbbbbbbbbbb"),
        ({"revision": ""}, "stale", "compared at no commit"),
        ({"conditions": (Condition("ComparisonError", "no such path"),)}, "waiting", "ComparisonError: no such path"),
        ({"sync_status": "OutOfSync"}, "waiting", "is OutOfSync"),
        ({"sync_status": "Unknown"}, "waiting", "is Unknown"),
        ({"sync_status": ""}, "waiting", "is not compared"),
        ({"health_status": "Progressing"}, "waiting", "is Progressing"),
        ({"health_status": "Missing"}, "waiting", "is Missing"),
        ({"health_status": "Unknown"}, "waiting", "is Unknown"),
        ({"health_status": ""}, "waiting", "without health yet"),
        ({"health_status": "Degraded"}, "degraded", "is Degraded"),
        ({"health_status": "Degraded", "resources": (resource("Synced", "crashed", "Degraded"),)}, "degraded",
         "is Degraded: Deployment hub/backend: crashed"),
        ({"health_status": "Suspended"}, "suspended", "is Suspended"),
    ],
)  # fmt: skip
def test_each_condition_alone_keeps_it_from_being_rolled_out(
    change: dict[str, Any], standing: str, reason: str
) -> None:
    verdict = replace(DONE, **change).rolled_out_at(COMMIT, MARKER)
    assert (verdict.standing, bool(verdict)) == (standing, False)
    assert reason in verdict.reason
    assert "backend" in verdict.reason


@pytest.mark.parametrize(
    "change",
    [
        {"sync_result": (resource("PruneSkipped", "ignored (no prune)"), resource("Synced"), resource("Pruned"))},
        {"conditions": (Condition("OrphanedResourceWarning", "x"),)},
        {"automated": True},
        {"operation_retry_count": 2},
        {"resources": (resource("Synced", health="Healthy"),)},
    ],
)
def test_what_does_not_matter_does_not_stop_it(change: dict[str, Any]) -> None:
    assert replace(DONE, **change).rolled_out_at(COMMIT, MARKER)


def test_someone_elses_operation_may_count_when_no_marker_is_asked_for() -> None:
    automated = replace(DONE, operation_marker="", operation_automated=True)
    assert automated.rolled_out_at(COMMIT, None)
    assert not automated.rolled_out_at(COMMIT, MARKER)
    assert replace(automated, operation_phase="Failed").rolled_out_at(COMMIT, None).standing == "failed"


def test_a_commit_that_changes_nothing_here_needs_no_operation_of_its_own() -> None:
    older = replace(DONE, operation_marker="", operation_revision=OTHER, sync_result_revision=OTHER)
    assert older.rolled_out_at(COMMIT, None)
    never = replace(
        older, operation_phase="", operation_revision="", sync_result_revision="", operation_finished_at=None
    )
    assert never.rolled_out_at(COMMIT, None)
    assert never.rolled_out_at(COMMIT, MARKER).standing == "waiting"


def test_a_later_commit_with_the_same_files_counts_when_the_caller_vouches_for_it() -> None:
    moved_on = replace(DONE, revision=OTHER)
    assert moved_on.rolled_out_at(COMMIT, MARKER, equivalent=[OTHER])
    assert not moved_on.rolled_out_at(COMMIT, MARKER)


def test_synced_leaves_health_aside() -> None:
    failing = replace(DONE, health_status="Degraded")
    assert failing.synced_at(COMMIT, MARKER)
    assert not replace(failing, sync_status="OutOfSync").synced_at(COMMIT, MARKER)


# ---- properties


phases = st.sampled_from(["", "Running", "Terminating", "Succeeded", "Failed", "Error"])
commits = st.sampled_from(["", COMMIT, OTHER])
times = st.sampled_from([None, *(FINISHED + timedelta(seconds=n) for n in (-1, 0, 1))])
observations = st.builds(
    Application,
    name=st.just("a"),
    deleting=st.booleans(),
    sync_status=st.sampled_from(["", "Synced", "OutOfSync", "Unknown"]),
    revision=commits,
    health_status=st.sampled_from(["", "Healthy", "Progressing", "Degraded", "Missing", "Suspended", "Unknown"]),
    operation_running=st.booleans(),
    operation_phase=phases,
    operation_marker=st.sampled_from(["", MARKER, "another"]),
    operation_revision=commits,
    operation_dry_run=st.booleans(),
    operation_finished_at=times,
    sync_result_revision=commits,
    sync_result=st.sampled_from([(), (resource("Synced"),), (resource("SyncFailed"),), (resource("PruneSkipped"),)]),
    reconciled_at=times,
    compared_to_spec=st.booleans(),
    conditions=st.sampled_from([(), (Condition("SyncError", "x"),), (Condition("OrphanedResourceWarning", "x"),)]),
)


@given(observations)
def test_a_rollout_implies_every_condition(seen: Application) -> None:
    verdict = seen.rolled_out_at(COMMIT, MARKER)
    assert bool(verdict) == (verdict.reason == "")
    if verdict:
        assert seen.carries(MARKER)
        assert seen.operation_succeeded_at(COMMIT)
        assert not seen.operation_in_progress
        assert seen.operation_finished_at is not None
        assert seen.reconciled_at is not None
        assert seen.reconciled_at > seen.operation_finished_at
        assert (seen.sync_status, seen.health_status, seen.revision) == ("Synced", "Healthy", COMMIT)
        assert not seen.errors
        assert not seen.deleting


@given(observations)
def test_health_never_turns_an_unproved_sync_into_a_rollout(seen: Application) -> None:
    synced, rolled_out = seen.synced_at(COMMIT, MARKER), seen.rolled_out_at(COMMIT, MARKER)
    assert bool(rolled_out) == (bool(synced) and seen.health_status == "Healthy")
    if not synced:
        assert rolled_out == synced


SEEN = [document for _, document in applications()]
garbage = st.sampled_from([None, "", 0, -1, True, [], {}, [None], ["x"], {"x": None}, "2026-99-99T00:00:00Z", 1.5])


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, inner in items for path in _paths(inner, (*at, key)))]


@given(st.data())
def test_no_absent_null_or_foreign_field_breaks_the_reading(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(SEEN)))
    document["metadata"].pop("managedFields", None)
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from([path for path in _paths(document) if path] or [()]))
        if not path:
            break
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        if data.draw(st.booleans()) and isinstance(holder, dict):
            del holder[path[-1]]
        else:
            holder[path[-1]] = copy.deepcopy(data.draw(garbage))  # shared lists would make cycles
    read = Application.parse(document)
    read.rolled_out_at(COMMIT, MARKER)
    read.blocking_resource()
    read.deployed(COMMIT)


@pytest.mark.parametrize("document", [{}, {"metadata": None, "spec": None, "status": None, "operation": None}])
def test_an_empty_document_reads_as_nothing(document: dict[str, Any]) -> None:
    assert Application.parse(document) == Application(name="")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-02T03:04:05Z", FINISHED),
        ("2026-01-02T04:04:05+01:00", FINISHED),
        ("2026-01-02T03:04:05", FINISHED),
        ("2026-01-02T03:04:05.274643364Z", FINISHED + timedelta(microseconds=274643)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("soon", None),
        (None, None),
        (5, None),
    ],
)
def test_times_are_read_with_their_zone(written: object, read: datetime | None) -> None:
    assert moment({"at": written}, "at") == read


@pytest.mark.parametrize(
    ("policy", "automated"),
    [(None, False), ({}, False), ({"automated": {}}, True), ({"automated": {"enabled": True}}, True),
     ({"automated": {"enabled": False}}, False), ({"automated": {"enabled": None}}, True), ({"automated": None}, False)],
)  # fmt: skip
def test_automated_sync_is_told_by_its_block(policy: object, automated: bool) -> None:
    assert Application.parse({"spec": {"syncPolicy": policy}}).automated is automated


SOURCE = {
    "repoURL": "https://git/x",
    "path": "backend",
    "targetRevision": "env/production",
    "directory": {"recurse": True},
}
DESTINATION = {"server": "https://kubernetes.default.svc", "namespace": "hub"}


@pytest.mark.parametrize(
    ("compared", "equal"),
    [
        ({"source": SOURCE, "destination": DESTINATION}, True),
        ({"source": SOURCE | {"kustomize": {}, "chart": ""}, "destination": DESTINATION | {"name": ""}}, True),
        ({"source": SOURCE | {"targetRevision": "main"}, "destination": DESTINATION}, False),
        ({"source": SOURCE | {"directory": {"recurse": False}}, "destination": DESTINATION}, False),
        ({"source": SOURCE, "destination": DESTINATION | {"namespace": "other"}}, False),
        ({"source": {"repoURL": ""}, "destination": {}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_comparison_counts_only_for_the_spec_that_it_compared(compared: object, equal: bool) -> None:
    document = {"spec": {"source": SOURCE, "destination": DESTINATION}, "status": {"sync": {"comparedTo": compared}}}
    assert Application.parse(document).compared_to_spec is equal


def test_several_sources_are_compared_as_a_whole() -> None:
    def read(compared: object) -> bool:
        spec = {"sources": [SOURCE, SOURCE], "destination": DESTINATION}
        return Application.parse({"spec": spec, "status": {"sync": {"comparedTo": compared}}}).compared_to_spec

    assert read({"sources": [SOURCE, SOURCE], "destination": DESTINATION})
    assert not read({"sources": [SOURCE], "destination": DESTINATION})


def test_a_retry_that_waits_is_not_an_end() -> None:
    waiting = {
        "operation": {"sync": {}},
        "status": {"operationState": {"phase": "Running", "finishedAt": "2026-01-02T03:04:05Z"}},
    }
    read = Application.parse(waiting)
    assert read.operation_finished_at
    assert read.operation_in_progress
    assert not read.operation_done


def test_an_operation_that_was_queued_hides_the_end_of_the_one_before() -> None:
    queued = replace(DONE, operation_running=True)
    assert not queued.operation_done
    assert not queued.operation_succeeded_at(COMMIT)
    assert queued.operation_in_progress


def test_the_newest_trace_of_a_commit_in_the_history_is_found() -> None:
    history = [
        {"id": n, "revision": revision, "initiatedBy": {"automated": True}}
        for n, revision in enumerate([COMMIT, OTHER, COMMIT])
    ]
    read = Application.parse({"status": {"history": history}})
    found = read.deployed(COMMIT)
    assert found
    assert (found.id, found.initiated_by) == (2, "automated sync")
    assert read.deployed("c" * 40) is None


def test_the_worst_resource_is_named_first_and_one_with_words_before_one_without() -> None:
    def known(name: str, health: str, message: str = "") -> Resource:
        return Resource("apps", "Deployment", "hub", name, "Synced", health, message)

    resources = (
        known("a", "Healthy"),
        known("b", "Progressing", "x"),
        known("c", "Degraded"),
        known("d", "Degraded", "why"),
    )
    found = replace(DONE, resources=resources).blocking_resource()
    assert found
    assert found.name == "d"
    assert replace(DONE, resources=resources[:1]).blocking_resource() is None
