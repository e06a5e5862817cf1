"""What the resource tree tells of a rollout: which Pods count, which are stuck, what blocks."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlpanel.clients.argocd_tree import Tree
from tests.contract.transcripts import exchange


def node(
    kind: str, name: str, *, owner: str = "", revision: int = 0, health: str = "", message: str = "", **extra: Any
) -> dict[str, Any]:
    group = {"Pod": "", "ExternalSecret": "external-secrets.io"}.get(kind, "apps")
    made: dict[str, Any] = {
        "group": group,
        "version": "v1",
        "kind": kind,
        "namespace": "hub",
        "name": name,
        "uid": f"uid-{name}",
    }
    made |= {"parentRefs": [{"uid": f"uid-{owner}"}]} if owner else {}
    made |= {"info": [{"name": "Revision", "value": f"Rev:{revision}"}]} if revision else {}
    return made | ({"health": {"status": health, "message": message}} if health else {}) | extra


def pod(
    name: str, owner: str, reason: str = "Running", containers: str = "1/1", label: str = "", message: str = ""
) -> dict[str, Any]:
    info = [{"name": "Status Reason", "value": reason}, {"name": "Containers", "value": containers}]
    labels = {"labels": {"controller-revision-hash": label}} if label else {}
    return node("Pod", name, owner=owner, health="Progressing", message=message) | {
        "info": info,
        "networkingInfo": labels,
    }


def tree(*nodes: dict[str, Any]) -> Tree:
    return Tree.parse({"nodes": list(nodes)})


ROLLING = [
    node("Deployment", "backend", revision=3, health="Progressing", message="Waiting for rollout to finish"),
    node("ReplicaSet", "old", owner="backend", revision=2),
    node("ReplicaSet", "new", owner="backend", revision=3),
    node("ReplicaSet", "older", owner="backend", revision=1),
]


@pytest.mark.parametrize(
    "reason",
    [
        "ImagePullBackOff",
        "ErrImagePull",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "Init:ImagePullBackOff",
        "Init:CrashLoopBackOff",
    ],
)
def test_a_pod_of_the_newest_replica_set_with_a_bad_reason_is_stuck(reason: str) -> None:
    seen = tree(*ROLLING, pod("new-1", "new", reason, "0/1"), pod("old-1", "old"))
    assert [found.name for found in seen.stuck_pods()] == ["new-1"]


@pytest.mark.parametrize(
    "reason", ["Running", "Pending", "ContainerCreating", "PodInitializing", "Init:0/1", "Error", "", "Terminating"]
)
def test_other_reasons_may_pass(reason: str) -> None:
    assert tree(*ROLLING, pod("new-1", "new", reason, "0/1")).stuck_pods() == ()


def test_a_stuck_pod_of_an_old_replica_set_is_yesterdays_news() -> None:
    seen = tree(
        *ROLLING,
        pod("old-1", "old", "CrashLoopBackOff", "0/1"),
        pod("older-1", "older", "ImagePullBackOff", "0/1"),
        pod("new-1", "new"),
    )
    assert seen.stuck_pods() == ()
    assert seen.pods_ready_total() == (1, 1)


def test_going_back_makes_the_old_replica_set_the_newest() -> None:
    back = [
        *ROLLING[:1],
        node("ReplicaSet", "old", owner="backend", revision=4),
        node("ReplicaSet", "new", owner="backend", revision=3),
    ]
    seen = tree(*back, pod("old-1", "old", "CrashLoopBackOff", "0/1"), pod("new-1", "new"))
    assert [found.name for found in seen.stuck_pods()] == ["old-1"]


def test_each_deployment_has_a_newest_of_its_own() -> None:
    other = [node("Deployment", "ai"), node("ReplicaSet", "ai-new", owner="ai", revision=1)]
    seen = tree(*ROLLING, *other, pod("ai-1", "ai-new", "CrashLoopBackOff", "0/1"), pod("new-1", "new"))
    assert [found.name for found in seen.stuck_pods()] == ["ai-1"]
    assert seen.pods_ready_total() == (1, 2)


@pytest.mark.parametrize(
    ("kind", "labels"), [("StatefulSet", ("redis-aaa", "redis-bbb")), ("DaemonSet", ("aaa", "bbb"))]
)
def test_pods_of_the_newest_controller_revision_count(kind: str, labels: tuple[str, str]) -> None:
    nodes = [
        node(kind, "redis"),
        *(node("ControllerRevision", f"redis-{x * 3}", owner="redis", revision=n) for n, x in ((1, "a"), (2, "b"))),
    ]
    seen = tree(
        *nodes, pod("redis-0", "redis", "CrashLoopBackOff", "0/1", labels[0]), pod("redis-1", "redis", label=labels[1])
    )
    assert [found.name for found in seen.newest_pods()] == ["redis-1"]
    assert seen.stuck_pods() == ()


def test_pods_whose_owner_is_not_known_count() -> None:
    assert tree(pod("bare", ""), pod("job-1", "job")).pods_ready_total() == (2, 2)


def test_pods_that_ran_to_their_end_do_not_count() -> None:
    assert tree(pod("migrate", "job", "Completed", "0/1"), pod("x", "y")).pods_ready_total() == (1, 1)


@pytest.mark.parametrize(("containers", "ready"), [("1/1", 1), ("1/2", 0), ("0/0", 0), ("", 0), ("x/y", 0)])
def test_a_pod_is_ready_when_all_its_containers_are(containers: str, ready: int) -> None:
    assert tree(*ROLLING, pod("new-1", "new", containers=containers)).pods_ready_total() == (ready, 1)


def test_a_stuck_pod_blocks_before_its_deployment() -> None:
    seen = tree(
        *ROLLING,
        pod("new-2", "new", "ImagePullBackOff", "0/1", message="Back-off pulling image x"),
        pod("new-1", "new"),
    )
    blocking = seen.blocking_resource()
    assert blocking
    assert (blocking.kind, blocking.namespace, blocking.name, blocking.message) == (
        "Pod",
        "hub",
        "new-2",
        "Back-off pulling image x",
    )


def test_a_stuck_pod_without_words_is_told_by_its_reason() -> None:
    blocking = tree(*ROLLING, pod("new-1", "new", "CrashLoopBackOff", "0/1")).blocking_resource()
    assert blocking
    assert blocking.message == "CrashLoopBackOff"


def test_the_worst_managed_object_blocks_otherwise() -> None:
    failing = node("ExternalSecret", "t", health="Degraded", message="no such key")
    blocking = tree(*ROLLING, failing, pod("new-1", "new")).blocking_resource()
    assert blocking
    assert (blocking.kind, blocking.health, blocking.message) == ("ExternalSecret", "Degraded", "no such key")
    waiting = tree(*ROLLING).blocking_resource()
    assert waiting
    assert (waiting.kind, waiting.message) == ("Deployment", "Waiting for rollout to finish")


def test_a_healthy_tree_blocks_nothing() -> None:
    assert tree(node("Deployment", "a", health="Healthy"), node("ConfigMap", "b")).blocking_resource() is None


def test_the_facts_of_a_pod_are_read() -> None:
    info = [
        {"name": "Status Reason", "value": "Init:0/1"},
        {"name": "Restart Count", "value": "7 (2m ago)"},
        {"name": "Node"},
    ]
    (found,) = tree(node("Pod", "p", images=["a", "b"], createdAt="2026-01-02T03:04:05Z") | {"info": info}).pods()
    assert (found.reason, found.restarts, found.images) == ("0/1", 7, ("a", "b"))
    assert found.created_at


SEEN = [
    exchange(scenario, index).answer
    for scenario, index in (("day-two", 3), ("rollout-degraded", 3), ("sync-success", 15))
]
garbage: st.SearchStrategy[Any] = st.sampled_from([None, "", 0, [], {}, [None], ["x"], "Rev:x", "Rev:-1", "²/³"])


@given(st.data())
def test_no_absent_null_or_foreign_field_breaks_the_reading(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(SEEN)))
    for entry in document["nodes"]:
        for key in data.draw(st.lists(st.sampled_from(sorted(entry)), max_size=2)):
            entry[key] = data.draw(garbage)
        for item in entry.get("info") or []:
            if isinstance(item, dict) and data.draw(st.booleans()):
                item["value"] = data.draw(garbage)
    read = Tree.parse(document)
    ready, total = read.pods_ready_total()
    assert 0 <= ready <= total <= len(read.pods())
    assert set(read.stuck_pods()) <= set(read.newest_pods())
    read.blocking_resource()


@pytest.mark.parametrize("document", [{}, {"nodes": None}, {"nodes": [None, 1, {}]}])
def test_an_empty_tree_says_nothing(document: dict[str, Any]) -> None:
    read = Tree.parse(document)
    assert (read.pods_ready_total(), read.blocking_resource()) == ((0, 0), None)
