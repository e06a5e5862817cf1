"""Known causes are told from the words of Kubernetes and Argo CD, each with what was checked; every cause has words for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.argocd_models import Resource
from controlpanel.clients.argocd_tree import EARLY_REASONS, Node, Tree
from controlpanel.core.presentation.vocabulary import CAUSE, status_of
from deployments import steps
from deployments.models import PromotionComponent
from deployments.steps import causes
from deployments.steps.recognising import KNOWN, recognised
from deployments.steps.trees import facts

ROLLOUT = PromotionComponent(component="backend", application="backend-staging", deadline_seconds=600)
DEPLOYMENT = Resource("apps", "Deployment", "hub", "backend", health="Degraded")


@pytest.fixture(autouse=True)
def _nothing_else_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "_effect", lambda *_: "")


def issue_of(outcome: Any) -> dict[str, Any]:
    return cast(dict[str, Any], outcome.issue)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ('pods "backend-x" is forbidden: exceeded quota: compute, requested: cpu=2, used: cpu=9, limited: cpu=10', "quota"),
        ("0/3 nodes are available: 3 Insufficient cpu.", "unschedulable"),
        ("0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: db}.", "unschedulable"),
        ('admission webhook "policy.example" denied the request: no latest tag', "admission"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true', "admission"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 503", "probe_failed"),
        ("Liveness probe errored: rpc error", "probe_failed"),
        ("quota is a fine word", None),
        ("Deployment has minimum availability.", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_known_cause_is_told_from_its_words(said: str, cause: str | None) -> None:
    found = recognised("Something before.", said)
    assert (found.cause if found else None) == cause


def test_what_refuses_a_pod_comes_before_a_probe_that_fails() -> None:
    found = recognised("Readiness probe failed: HTTP 503", "exceeded quota: compute")
    assert found is not None and found.cause == "quota"


@pytest.mark.parametrize(
    ("said", "cause", "sentence"),
    [
        ("exceeded quota: compute", "quota", "Deployment backend. The quota of the namespace is used up."),
        ("It will not say.", "degraded", "backend-staging is Degraded because of Deployment backend."),
    ],
)
def test_a_degraded_application_says_why_where_that_is_known(said: str, cause: str, sentence: str) -> None:
    read = Read("backend-staging", sync_status="Synced", resources=(Resource(**{**vars(DEPLOYMENT), "message": said}),))
    issue = issue_of(causes.unhealthy(cast(Any, None), ROLLOUT, read))
    assert issue["cause"] == cause and issue["sentence"].endswith(sentence) and issue["raw"] == said
    assert [(one["what"], one["is_fine"]) for one in issue["checked"]] == [
        ("Its manifests are what Git holds", True), ("Every resource is healthy", False),
    ]  # fmt: skip
    assert issue["checked"][1]["evidence"] == "Deployment backend is Degraded."


def test_a_failed_operation_names_what_was_not_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    message = 'admission webhook "policy.example" denied the request: no latest tag'
    read = Read("backend-staging", operation_phase="Failed", operation_message=message)
    monkeypatch.setattr(Read, "unapplied", lambda self: (DEPLOYMENT,))
    issue = issue_of(causes.failed_operation(cast(Any, None), ROLLOUT, read, "The sync of backend-staging failed."))
    assert issue["cause"] == "admission" and "An admission rule of the cluster refuses it." in issue["sentence"]
    assert [one["evidence"] for one in issue["checked"]] == ["It is Failed.", "Deployment backend"]


def test_a_pod_that_does_not_start_is_told_beside_its_neighbours_and_the_old_ones() -> None:
    def pod(name: str, owner: str, containers: str, reason: str) -> Node:
        return Node(
            "",
            "v1",
            "Pod",
            "hub",
            name,
            uid=name,
            parents=(owner,),
            info={"Containers": containers, "Status Reason": reason},
        )

    sets = [
        Node(
            "apps", "v1", "ReplicaSet", "hub", name, uid=name, parents=("backend",), info={"Revision": f"Rev:{number}"}
        )
        for number, name in enumerate(("old", "new"), start=1)
    ]
    stuck = pod("new-1", "new", "0/1", "ImagePullBackOff")
    tree = Tree(nodes=(*sets, stuck, pod("new-2", "new", "1/1", "Running"), pod("old-1", "old", "1/1", "Running")))
    checked = causes._checked_pods(tree, stuck, "manifest unknown")
    assert [(one["what"], one["evidence"], one["is_fine"]) for one in checked] == [
        ("The Pod starts", "new-1: manifest unknown", False),
        ("Its other new Pods start", "1 of 1 ready.", True),
        ("Pods from before serve", "1 of 1 old pods ready.", True),
    ]


def test_when_a_pod_became_ready_is_known_where_somebody_saw_it() -> None:
    def pod(name: str, containers: str) -> Node:
        return Node("", "v1", "Pod", "hub", name, uid=name, info={"Containers": containers})

    first = facts(Tree(nodes=(pod("a", "0/1"), pod("b", "1/1"))))["pods"]
    now, later = datetime(2026, 11, 23, 16, tzinfo=UTC), datetime(2026, 11, 23, 17, tzinfo=UTC)
    both = Tree(nodes=(pod("a", "1/1"), pod("b", "1/1")))
    second = facts(both, first, now)["pods"]
    third = facts(both, second, later)["pods"]
    for pods in (second, third):
        assert {one["name"]: one["ready_at"] for one in pods} == {"a": now.isoformat(), "b": None}


def test_every_cause_has_words_for_people() -> None:
    sources = [*Path(steps.__file__).parent.glob("*.py"), Path(steps.__file__).parent.parent / "advance.py"]
    named = {name for source in sources for name in re.findall(r'pause\(\s*"(\w+)"', source.read_text())}
    assert {"timed_out" in source.read_text() for source in sources} == {True, False}
    assert named | set(EARLY_REASONS) | {known.cause for known in KNOWN} <= set(CAUSE)
    assert not any("_" in status.word for status in CAUSE.values())
    assert status_of("cause", "what_nobody_wrote_down").word == "Cause not recognised"
