"""Questions of pages: asked once, answered by a worker, failures told beside the last answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.catalog import connections
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.argocd_tree import Tree
from controlpanel.clients.errors import NotSent
from deployments.models import Inquiry
from deployments.selectors.inquiries import Answer, Question, rows_of
from deployments.services import inquiries
from deployments.services.inquiries import ask, inquiry_answer
from deployments.watching import reconciler
from tests import fixtures_deployments as rows

NAME = "backend-staging"
DEPLOYMENT = {
    "group": "apps",
    "version": "v1",
    "kind": "Deployment",
    "namespace": "hub",
    "name": "backend",
    "uid": "d1",
}


def manifest(kind: str, level: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "backend", "namespace": "hub", **more},
        "data": {"LEVEL": level},
    }


def managed(kind: str, live: dict[str, Any] | None, desired: dict[str, Any] | None) -> dict[str, Any]:
    states = {"liveState": live, "normalizedLiveState": live, "targetState": desired, "predictedLiveState": desired}
    texts = {part: json.dumps(state) for part, state in states.items()}
    return {"kind": kind, "namespace": "hub", "name": "backend", "modified": live != desired, **texts}


@dataclass
class FakeArgoCD:
    """An Argo CD that answers what a test says; `down` makes it refuse to be reached."""

    server: str = "https://argocd.example"
    down: bool = False
    nodes: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    live: dict[str, Any] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.down:
            raise NotSent("Argo CD cannot be reached.", "See that it runs.")

    def get_application(self, name: str, project: str, refresh: str | None = None) -> Read:
        self._ask("application")
        resource = {"group": "apps", "kind": "Deployment", "namespace": "hub", "name": "backend", "status": "OutOfSync"}
        return Read.parse(
            {
                "metadata": {"name": name, "namespace": "argocd"},
                "spec": {"project": project},
                "status": {"resources": [resource]},
            }
        )

    def resource_tree(self, name: str, project: str) -> Tree:
        self._ask("tree")
        return Tree.parse({"nodes": self.nodes})

    def managed_resources(self, name: str, project: str, *, kind: str = "", resource: str = "") -> tuple[Any, ...]:
        self._ask("managed")
        return tuple(self.items)

    def resource(self, name: str, project: str, **place: str) -> dict[str, Any]:
        self._ask("resource")
        return self.live

    def events(self, application: str, project: str, **place: str) -> tuple[Any, ...]:
        self._ask("events")
        return tuple(self.told)

    def logs(self, name: str, project: str, **place: Any) -> tuple[str, ...]:
        self._ask("logs")
        return tuple(self.lines)


@pytest.fixture
def argocd(db: None, monkeypatch: pytest.MonkeyPatch) -> FakeArgoCD:
    rows.platform()
    fake = FakeArgoCD()
    monkeypatch.setattr(connections, "argocd_for", lambda environment: fake)
    return fake


def answered(question: Question) -> Answer:
    """The answer after a worker was at it."""
    Inquiry.objects.update(asked_at=timezone.now() - timedelta(minutes=5))
    ask(question)
    assert inquiry_answer(Inquiry.objects.get(question=str(question)).pk)
    return ask(question)[0]


def test_nothing_is_asked_of_argocd_until_a_worker_does(argocd: FakeArgoCD) -> None:
    [answer] = ask(Question("tree", NAME))
    assert answer.is_loading
    assert argocd.asked == []


def test_however_many_pages_look_it_is_asked_once_while_the_answer_is_fresh(argocd: FakeArgoCD) -> None:
    for _ in range(5):
        ask(Question("tree", NAME))
    inquiry = Inquiry.objects.get()
    assert inquiry_answer(inquiry.pk)
    for _ in range(5):
        ask(Question("tree", NAME))
    assert not inquiry_answer(inquiry.pk)
    assert argocd.asked.count("tree") == 1


def test_two_pages_that_read_the_same_old_row_ask_once(argocd: FakeArgoCD, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(Question("tree", NAME))
    Inquiry.objects.update(asked_at=timezone.now() - timedelta(seconds=30))
    stale = rows_of([Question("tree", NAME)])
    ask(Question("tree", NAME))
    assert inquiry_answer(Inquiry.objects.get().pk)
    monkeypatch.setattr(inquiries, "rows_of", lambda questions: stale)  # read before the other page asked
    ask(Question("tree", NAME))
    assert not Inquiry.objects.get().is_waiting


def test_what_is_old_is_asked_again_and_the_last_answer_is_shown_meanwhile(argocd: FakeArgoCD) -> None:
    assert answered(Question("tree", NAME)).body is not None
    Inquiry.objects.update(asked_at=timezone.now() - timedelta(seconds=30))
    [answer] = ask(Question("tree", NAME))
    assert answer.body is not None
    assert Inquiry.objects.get().is_waiting


def test_a_failure_is_told_beside_the_last_answer(argocd: FakeArgoCD) -> None:
    answered(Question("tree", NAME))
    argocd.down = True
    answer = answered(Question("tree", NAME))
    assert answer.body is not None
    assert answer.error == "Argo CD cannot be reached."
    argocd.down = False
    assert answered(Question("tree", NAME)).error == ""


def test_what_nobody_asked_for_an_hour_is_deleted_by_watch(argocd: FakeArgoCD, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(Question("tree", NAME))
    Inquiry.objects.update(asked_at=timezone.now() - timedelta(hours=2))
    ask(Question("events", NAME))
    monkeypatch.setattr(reconciler, "DUTIES", ())
    watch = reconciler.Reconciler(threads=1)
    watch.once()
    watch.close()
    assert list(Inquiry.objects.values_list("kind", flat=True)) == ["events"]


def test_the_tree_is_outlined_with_its_workloads_first_and_old_replica_sets_left_out(argocd: FakeArgoCD) -> None:
    def node(kind: str, name: str, uid: str, parent: str = "", **more: Any) -> dict[str, Any]:
        group = "" if kind in ("Pod", "Service") else "apps"
        parents = [{"uid": parent}] if parent else []
        return {
            "group": group,
            "version": "v1",
            "kind": kind,
            "namespace": "hub",
            "name": name,
            "uid": uid,
            "parentRefs": parents,
            **more,
        }

    argocd.nodes = [
        node("Service", "backend", "s1"),
        node("ReplicaSet", "backend-old", "r1", "d1", info=[{"name": "Revision", "value": "Rev:3"}]),
        node("ReplicaSet", "backend-new", "r2", "d1", info=[{"name": "Revision", "value": "Rev:4"}]),
        node("Pod", "backend-new-a", "p1", "r2", info=[{"name": "Containers", "value": "0/1"}, {"name": "Status Reason", "value": "CrashLoopBackOff"}]),
        node("Deployment", "backend", "d1"),
    ]  # fmt: skip
    body = answered(Question("tree", NAME)).body
    assert body is not None
    outline = [(one["depth"], one["kind"], one["name"], one["sync"], one["fact"]) for one in body["nodes"]]
    assert outline == [
        (0, "Deployment", "backend", "OutOfSync", ""),
        (1, "ReplicaSet", "backend-new", "", "rev 4"),
        (2, "Pod", "backend-new-a", "", "0 of 1, CrashLoopBackOff"),
        (0, "Service", "backend", "", ""),
    ]
    assert body["left_out"] == 1
    assert body["address"] == f"https://argocd.example/applications/argocd/{NAME}"


def test_differences_go_from_live_to_desired_and_name_who_wrote_last(argocd: FakeArgoCD) -> None:
    written = [
        {"manager": "argocd-controller", "time": "2026-11-23T12:00:00Z"},
        {"manager": "kubectl-edit", "time": "2026-11-23T11:00:00Z"},
        {"manager": "kubelet", "time": "2026-11-23T13:00:00Z", "subresource": "status"},
    ]
    live = manifest("ConfigMap", "debug", managedFields=written, resourceVersion="7")
    argocd.items = [
        managed("ConfigMap", live, manifest("ConfigMap", "info")),
        managed("Service", manifest("Service", "same"), manifest("Service", "same")),
        managed("Ingress", None, manifest("Ingress", "x")),
        managed("Job", manifest("Job", "x"), None),
    ]
    body = answered(Question("differences", NAME)).body
    assert body is not None
    assert [(one["kind"], one["change"]) for one in body["changes"]] == [
        ("ConfigMap", "changed"),
        ("Ingress", "missing"),
        ("Job", "extra"),
    ]
    diff = body["changes"][0]["diff"]
    assert "-  LEVEL: debug" in diff
    assert "+  LEVEL: info" in diff
    assert "managedFields" not in diff
    assert body["changes"][0]["hand"] == {"manager": "kubectl-edit", "at": "2026-11-23T11:00:00+00:00"}
    assert body["managed"] == 4


SECRETS = (
    "hunter2-hunter2",
    "c3VwZXItc2VjcmV0",
    "s3cr3t-in-the-url",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
)


def test_no_secret_is_kept_of_manifests_differences_events_or_logs(argocd: FakeArgoCD) -> None:
    secret = manifest("Secret", SECRETS[1])
    deployment = {
        "kind": "Deployment", "metadata": {"name": "backend", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRETS[1]}},
        "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "x", "env": [
            {"name": "DB_PASSWORD", "value": SECRETS[0]}, {"name": "DB_URL", "value": f"postgres://me:{SECRETS[2]}@db/x"},
        ]}]}}},
    }  # fmt: skip
    argocd.items = [
        managed("Secret", secret, manifest("Secret", "other")),
        managed("Deployment", deployment, {**deployment, "spec": {}}),
    ]
    argocd.live = deployment
    argocd.told = [{"message": f"pull with password={SECRETS[0]} failed", "reason": "Failed", "type": "Warning"}]
    argocd.lines = [
        f"DB_PASSWORD={SECRETS[0]}", f'{{"token": "{SECRETS[1]}"}}', f"GET https://me:{SECRETS[2]}@host/", f"Authorization: Bearer {SECRETS[3]}", f"jwt {SECRETS[3]}",
        "listening on 8080",
    ]  # fmt: skip
    for kind in ("differences", "resource", "events", "log"):
        answered(Question(kind, NAME, dict(DEPLOYMENT)))
    kept = json.dumps(list(Inquiry.objects.values_list("answer", flat=True)))
    assert [one for one in SECRETS if one in kept] == []
    assert "listening on 8080" in kept
    assert "(hidden" in kept


def test_hostile_bytes_in_logs_are_named_and_long_lines_cut(argocd: FakeArgoCD) -> None:
    argocd.lines = ["\x1b[31mred\u202eabc", "x" * 5000]
    body = answered(Question("log", NAME, dict(DEPLOYMENT))).body
    assert body is not None
    assert body["lines"][0] == "⟨U+001B⟩[31mred⟨U+202E⟩abc"
    assert len(body["lines"][1]) < 2100


def test_a_question_whose_worker_dies_again_and_again_ends_with_a_sentence(argocd: FakeArgoCD) -> None:
    ask(Question("tree", NAME))
    Inquiry.objects.update(attempts=5)
    assert inquiry_answer(Inquiry.objects.get().pk)
    assert "several times" in ask(Question("tree", NAME))[0].error
    assert argocd.asked == []
