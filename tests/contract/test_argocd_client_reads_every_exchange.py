"""The panel's client against every exchange that was recorded on a real Argo CD: it asks the same and reads the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from controlpanel.clients import errors
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_json import moment
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.argocd_tree import Tree
from tests.contract.transcripts import Exchange, applications, exchange, exchanges

ANSWERED = [e for e in exchanges() if e.status is not None and not e.is_poll]
ACCEPTED = [e for e in ANSWERED if e.events is None and e.status and e.status < 300]
REFUSED = [e for e in ANSWERED if e.status and e.status >= 300]

REFUSALS: list[tuple[int, str, type[errors.ClientError]]] = [
    (400, "another operation is already in progress", errors.OperationInProgress),
    (400, "auto-sync currently set to", errors.AutomatedSync),
    (400, "No operation is in progress", errors.NothingRunning),
    (400, "", errors.Invalid),
    (401, "", errors.CredentialsRefused),
    (403, "blocked by sync window", errors.SyncWindowBlocked),
    (403, "", errors.PermissionRefused),
    (404, "not found", errors.NotFound),
    (404, "Not Found", errors.Misdirected),
    (409, "", errors.Conflict),
    (415, "", errors.Invalid),
    (500, "", errors.Ambiguous),
]


def client(handler: Callable[[httpx.Request], httpx.Response]) -> ArgoCD:
    return ArgoCD("https://argocd.example.test", "a.b.c", transport=httpx.MockTransport(handler))


def ask(recorded: Exchange) -> bytes:
    """The same request through the client's one way out."""
    with client(lambda request: recorded.response()) as argocd:
        body = recorded.body if isinstance(recorded.body, dict) else None
        return argocd._transport.send(recorded.method, "ask", recorded.path, recorded.params, body)


def expected_refusal(recorded: Exchange) -> type[errors.ClientError]:
    said = recorded.content.decode()
    return next(kind for status, phrase, kind in REFUSALS if status == recorded.status and phrase in said)


@pytest.mark.parametrize("recorded", REFUSED, ids=str)
def test_every_refusal_is_raised_by_its_class_with_argo_cds_own_words(recorded: Exchange) -> None:
    with pytest.raises(errors.ClientError) as refused:
        ask(recorded)
    assert type(refused.value) is expected_refusal(recorded)
    if isinstance(recorded.answer, dict) and "message" in recorded.answer and recorded.status != 404:
        assert " ".join(recorded.answer["message"].split())[:200].rstrip(".") in refused.value.sentence
    assert refused.value.remedy


def test_every_rule_for_a_refusal_was_seen() -> None:
    seen = {expected_refusal(recorded) for recorded in REFUSED}
    assert seen == {kind for _, _, kind in REFUSALS}


@pytest.mark.parametrize("recorded", ACCEPTED, ids=str)
def test_every_success_comes_through_unchanged(recorded: Exchange) -> None:
    assert ask(recorded) == recorded.content


@pytest.mark.parametrize("recorded", [e for e in ANSWERED if e.events is not None], ids=str)
def test_every_stream_is_read_in_line_mode_and_in_sse_mode(recorded: Exchange) -> None:
    assert recorded.events is not None
    lines = recorded.content
    sse = b":\n" + b"".join(b"data: " + line + b" \n\n" for line in lines.splitlines())
    wanted = [e["json"]["result"] for e in recorded.events if "result" in e.get("json", {})]
    for body in (lines, sse):
        with client(lambda request, body=body: httpx.Response(recorded.status or 0, content=body)) as argocd:  # type: ignore[misc]
            if recorded.status != 200:
                with pytest.raises(errors.CredentialsRefused):
                    list(argocd.stream_applications("hub"))
                continue
            read = list(argocd.stream_applications("hub"))
        assert [event.type for event in read] == [result["type"] for result in wanted]
        assert [event.application for event in read] == [Application.parse(result["application"]) for result in wanted]


# ---- the requests


SYNC = ("flow-backend", "hub", "aad90751ecea8ec0a8b1da343f66a5f1bb51cc5a", "p2")
BACKEND = {
    "group": "apps",
    "version": "v1",
    "kind": "Deployment",
    "namespace": "backend-staging",
    "resource": "backend",
}
FAILING = {
    "group": "external-secrets.io", "version": "v1", "kind": "ExternalSecret", "namespace": "full", "resource": "tenant-failing",
}  # fmt: skip

CALLS: list[tuple[str, int, Callable[[ArgoCD], object]]] = [
    ("application-crud", 4, lambda c: c.create_application(exchange("application-crud", 4).body)),
    ("application-crud", 7, lambda c: c.create_application(exchange("application-crud", 7).body, upsert=True)),
    ("application-crud", 9, lambda c: c.get_application("absent", "hub")),
    ("application-crud", 10, lambda c: c.list_applications("hub", "environment=staging,component=backend")),
    ("application-crud", 13, lambda c: c.list_applications("hub", "environment=none")),
    ("application-crud", 19, lambda c: c.get_application("dup", "hub", "normal")),
    ("application-crud", 20, lambda c: c.get_application("dup", "hub", refresh="hard")),
    ("application-crud", 22, lambda c: c.delete_application("dup", "hub", cascade=False)),
    ("auth", 0, lambda c: c.version()),
    ("auth", 7, lambda c: c.userinfo()),
    ("auth", 10, lambda c: c.can_i("applications", "sync", "hub", "backend")),
    ("day-two", 3, lambda c: c.resource_tree("full", "hub")),
    ("day-two", 5, lambda c: c.resource("full", "hub", **FAILING)),
    ("day-two", 8, lambda c: c.managed_resources("full", "hub", kind="Secret")),
    ("day-two", 13, lambda c: c.managed_resources("full", "hub", kind="ConfigMap", resource="backend-config")),
    ("day-two", 9, lambda c: c.events("full", "hub", namespace="full", name="backend", uid="3c09b159-3397-4da2-a35c-b9fd85c440d4")),
    ("hooks-and-waves", 5, lambda c: c.terminate("hooks", "hub")),
    ("projects", 1, lambda c: c.put_project(exchange("projects", 1).body["project"], upsert=False)),
    ("projects", 4, lambda c: c.get_project("hub")),
    ("projects", 6, lambda c: c.clusters()),
    ("projects", 7, lambda c: c.repositories()),
    ("promotion-flow", 9, lambda c: c.sync(*SYNC)),
    ("promotion-flow", 11, lambda c: c.sync(*SYNC)),
    ("promotion-flow", 14, lambda c: c.get_application("flow-frontend", "hub", "normal")),
    ("promotion-flow", 22, lambda c: c.sync("flow-backend", "hub", None, "p3")),
    ("sync-success", 2, lambda c: c.sync("backend-staging", "hub", "816098dcfc79d012c192dadc00705c13560d2b15", "x", dry_run=True)),
    ("sync-success", 9, lambda c: c.manifests("backend-staging", "hub", "816098dcfc79d012c192dadc00705c13560d2b15")),
    ("sync-success", 10, lambda c: c.events("backend-staging", "hub")),
    ("sync-success", 24, lambda c: c.resource("backend-staging", "hub", **BACKEND)),
    ("sync-success", 25, lambda c: c.logs("backend-staging", "hub", pod="absent", namespace="backend-staging", container="backend", lines=5)),
    ("sync-success", 26, lambda c: list(c.stream_applications("hub"))),
    ("sync-windows", 1, lambda c: c.sync_windows("backend-staging", "hub")),
]  # fmt: skip
MAY_BE_ADDED_TO_THE_QUERY = {"project", "projects", "upsert", "validate", "follow"}
MAY_BE_ADDED_TO_THE_BODY = {"prune", "infos", "project", "upsert"}


@pytest.mark.parametrize(
    ("scenario", "index", "call"), CALLS, ids=lambda value: value if isinstance(value, str | int) else ""
)
def test_the_client_asks_as_the_recorder_did(scenario: str, index: int, call: Callable[[ArgoCD], object]) -> None:
    recorded, sent = exchange(scenario, index), []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return recorded.response()

    with client(handler) as argocd:
        if recorded.status and recorded.status < 300:
            call(argocd)
        else:
            with pytest.raises(expected_refusal(recorded)):
                call(argocd)
    (request,) = sent
    assert (request.method, request.url.path) == (recorded.method, recorded.path)
    _assert_same(dict(request.url.params), recorded.params, MAY_BE_ADDED_TO_THE_QUERY)
    if recorded.body is not None:
        _assert_same(json.loads(request.content), recorded.body, MAY_BE_ADDED_TO_THE_BODY)
    assert request.headers.get("Content-Type") == (None if request.method == "GET" else "application/json")


def _assert_same(ours: dict[str, Any], theirs: dict[str, Any], additions: set[str]) -> None:
    assert {key: ours.get(key) for key in theirs} == theirs
    assert set(ours) - set(theirs) <= additions


# ---- what the answers say


def test_the_answers_are_read_into_values() -> None:
    def answer(scenario: str, index: int) -> ArgoCD:
        return client(lambda request: exchange(scenario, index).response())

    assert answer("auth", 7).userinfo() == (True, "admin")
    assert answer("project-token", 0).userinfo() == (True, "proj:hub:deployer")
    assert answer("auth", 9).version() == "v99.99.99+unknown"
    assert answer("auth", 10).can_i("applications", "sync", "hub", "backend") is True
    assert answer("application-crud", 13).list_applications("hub") == ()
    assert [found.name for found in answer("application-crud", 10).list_applications("hub")] == ["dup"]
    assert answer("project-token", 5).clusters() == ()
    assert answer("projects", 6).clusters()[0]["server"] == "https://kubernetes.default.svc"
    assert answer("manifest-errors", 5).manifests("badmanifest", "hub") == ()
    assert answer("sync-success", 9).manifests("backend-staging", "hub")[0]["kind"] == "ConfigMap"
    assert answer("sync-success", 10).events("backend-staging", "hub")[0]["involvedObject"]["name"] == "backend-staging"
    assert answer("sync-success", 25).logs("backend-staging", "hub", pod="absent", namespace="x") == ()
    assert answer("day-two", 11).logs("full", "hub", pod="p", namespace="full") == (
        "no preferred addresses found; known addresses: []",
    )
    assert answer("day-two", 6).resource("full", "hub", **FAILING)["data"] == {"password": "++++++++"}
    assert answer("sync-windows", 1).sync_windows("x", "hub")["activeWindows"][0]["kind"] == "deny"


@pytest.mark.parametrize(
    ("where", "document"), list(applications()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_application_that_was_seen_is_read(where: str, document: dict[str, Any]) -> None:
    read = Application.parse(document)
    status, state = document["status"], document["status"].get("operationState") or {}
    assert (read.name, read.resource_version) == (
        document["metadata"]["name"],
        int(document["metadata"]["resourceVersion"]),
    )
    assert (read.project, read.labels) == (document["spec"]["project"], document["metadata"].get("labels", {}))
    assert (read.sync_status, read.revision) == (status["sync"]["status"], status["sync"].get("revision", ""))
    assert (read.health_status, read.health_message) == (
        status["health"].get("status", ""),
        status["health"].get("message", ""),
    )
    assert (read.operation_running, read.operation_phase) == ("operation" in document, state.get("phase", ""))
    assert (read.operation_finished_at is None) == ("finishedAt" not in state)
    assert (read.reconciled_at is None) == ("reconciledAt" not in status)
    assert read.sync_result_revision == (state.get("syncResult") or {}).get("revision", "")
    assert [r.name for r in read.resources] == [r["name"] for r in status.get("resources") or []]
    assert [h.revision for h in read.history] == [h["revision"] for h in status.get("history") or []]
    assert len(read.conditions) == len(status.get("conditions") or [])
    assert read.deleting == ("deletionTimestamp" in document["metadata"])
    assert read.automated == ("automated" in document["spec"].get("syncPolicy", {}))
    if read.operation_phase == "Succeeded" and not read.operation_running and read.sync_result_revision:
        assert read.compared_to_spec


def test_a_promotions_marker_is_read_from_the_running_and_from_the_ended_operation() -> None:
    running = Application.parse(exchange("promotion-flow", 9).answer)
    ended = Application.parse(exchange("promotion-flow", 12).answer)
    assert running.operation_running
    assert running.operation_phase == ""
    assert ended.operation_done
    assert running.carries("p2")
    assert ended.carries("p2")
    assert not ended.carries("p1")


def test_a_component_that_was_not_refreshed_reads_synced_at_the_old_commit_and_is_not_taken_for_done() -> None:
    meanwhile = Application.parse(exchange("promotion-flow", 13).answer)
    commit = "aad90751ecea8ec0a8b1da343f66a5f1bb51cc5a"
    assert (meanwhile.sync_status, meanwhile.health_status) == ("Synced", "Healthy")
    assert meanwhile.rolled_out_at(commit, None).standing == "stale"
    assert meanwhile.rolled_out_at(commit, "p2").standing == "superseded"


def test_success_is_not_seen_before_the_comparison_after_the_operation() -> None:
    """The 50 ms poll after a sync: the operation succeeds while sync and health still describe the commit before."""
    recorded = exchange("sync-success", 13)
    final = Application.parse(exchange("sync-success", 14).answer)
    commit = final.sync_result_revision
    verdicts = []
    for seen in recorded.answer:
        observed = replace(
            final,
            operation_running=seen["operationField"],
            operation_phase=seen["phase"] or "",
            operation_finished_at=moment(seen, "opFinishedAt"),
            sync_result_revision=seen["opRevision"] or "",
            sync_status=seen["sync"],
            revision=seen["syncRevision"],
            health_status=seen["health"],
            reconciled_at=moment(seen, "reconciledAt"),
        )
        verdict = observed.rolled_out_at(commit, None)
        verdicts.append(verdict.standing)
        succeeded_but_old = seen["phase"] == "Succeeded" and seen["syncRevision"] != commit
        assert not (succeeded_but_old and verdict)
        assert bool(verdict) == (
            seen["health"] == "Healthy" and seen["syncRevision"] == commit and seen["phase"] == "Succeeded"
        )
    assert verdicts[-1] == "rolled_out"
    assert "waiting" in verdicts
    assert "stale" in verdicts


def test_the_degraded_rollout_names_its_cause() -> None:
    broken = Application.parse(exchange("rollout-degraded", 2).answer)
    verdict = broken.rolled_out_at(broken.revision, None)
    assert verdict.standing == "degraded"
    assert "exceeded its progress deadline" in verdict.reason
    tree = Tree.parse(exchange("rollout-degraded", 3).answer)
    assert [pod.reason for pod in tree.stuck_pods()] == ["ImagePullBackOff"] * 2
    assert tree.pods_ready_total() == (0, 2)
    blocking = tree.blocking_resource()
    assert blocking is not None
    assert (blocking.kind, blocking.namespace) == ("Pod", "broken")
    assert blocking.message == "Back-off pulling image registry.example.test/backend:does-not-exist"


def test_the_tree_of_every_kind_is_read() -> None:
    tree = Tree.parse(exchange("day-two", 3).answer)
    assert len(tree.nodes) == 20
    assert tree.pods_ready_total() == (3, 4)
    assert tree.stuck_pods() == ()
    blocking = tree.blocking_resource()
    assert blocking is not None
    assert (blocking.kind, blocking.name, blocking.message) == (
        "ExternalSecret", "tenant-failing", "could not get secret data from provider",
    )  # fmt: skip


def test_old_replica_sets_do_not_count() -> None:
    tree = Tree.parse(exchange("sync-success", 15).answer)
    assert len([node for node in tree.nodes if node.kind == "ReplicaSet"]) == 2
    assert tree.pods_ready_total() == (3, 3)
    assert tree.blocking_resource() is None
