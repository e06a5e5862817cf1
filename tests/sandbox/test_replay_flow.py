"""Recorded scenarios over several Applications: a promotion by hand, a day of operation, a deletion."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from tests.contract.transcripts import exchange
from tests.sandbox.conftest import Argo, DeployRepository, Json, Running, config_map, git
from tests.sandbox.replay import Replay, Watch
from tests.sandbox.scenarios import DEPLOY, Stage, everything, push, workload

STREAMS = "/api/v1/stream/applications"


@pytest.fixture
def stage(running: Running, admin: Argo, repository: DeployRepository) -> Stage:
    return Stage(running, admin, repository)


class Flow:
    """The deploy repository of `promotion-flow`: a bare one, and the clone that commits to its branch."""

    def __init__(self, stage: Stage) -> None:
        self.clone = stage.repository
        self.bare = str(self.clone.directory.parent / "flow.git")
        git(self.clone.directory.parent, "init", "--quiet", "--bare", "--initial-branch=main", self.bare)
        git(self.clone.directory, "checkout", "--quiet", "--orphan", "env/staging")
        git(self.clone.directory, "rm", "-rf", "--quiet", ".")
        stage.permit(self.bare)

    def component(self, name: str, version: str) -> str:
        image = f"registry.example.test/{name}:{version}"
        objects = [config_map(f"{name}-config", LOG_LEVEL="info", VERSION=version), workload(name, image)]
        return self.clone.commit(f"{name} {version}", *objects, path=name)

    def push(self, commit: str, claim: str, expected: str | None = None) -> tuple[int, list[str]]:
        lease = f"--force-with-lease={claim}:" if expected is None else f"--force-with-lease={claim}:{expected}"
        return push(self.clone, self.bare, f"{commit}:refs/heads/env/staging", f"{commit}:{claim}", lease=lease)


def polled(application: Json) -> Json:
    """What the recording's poll wrote down of an Application."""
    operation, state = application.get("operation"), application["status"].get("operationState", {})
    sync = application["status"]["sync"]
    return {
        "operationField": operation and {"initiatedBy": operation["initiatedBy"], "revision": operation["sync"]["revision"]},
        "phase": state.get("phase"), "initiatedBy": state.get("operation", {}).get("initiatedBy"),
        "opRevision": state.get("syncResult", {}).get("revision", "")[:8], "sync": sync["status"],
        "syncRevision": sync["revision"][:8], "health": application["status"]["health"]["status"],
    }  # fmt: skip


def poll(replay: Replay, index: int, watch: Watch, since: int) -> None:
    """The stream passed through the states that the recording's poll saw, in its order."""
    recorded = [{key: item[key] for key in item if key != "at"} for item in exchange(replay.scenario, index).answer]
    deadline = time.monotonic() + 5
    while missing := _not_seen(replay.translation.request(recorded), watch, since):
        assert time.monotonic() < deadline, f"never seen: {missing}"
        time.sleep(0.02)


def _not_seen(wanted: list[Json], watch: Watch, since: int) -> Json | None:
    found = [item for _, item in watch.applications() if int(item["metadata"]["resourceVersion"]) > since]
    rows = iter([polled(item) for item in found])
    return next((row for row in wanted if row not in rows), None)


def test_promotion_flow(stage: Stage) -> None:
    flow, replay = Flow(stage), stage.replay("promotion-flow", stage.admin)
    replay.translation.add(DEPLOY, flow.bare)
    flow.component("backend", "v1")
    first = replay.commit("7b4385b", flow.component("frontend", "v1"))
    assert flow.push(first, "refs/panel/promotions/p1")[0] == 0
    replay.step(1)
    git(flow.clone.directory, "push", "--quiet", flow.bare, "env/staging:main")
    replay.steps(2, 3, 4)
    replay.settled("flow-backend")
    replay.compared("flow-frontend")
    replay.step(5)
    replay.settled("flow-backend", "flow-frontend")
    with Watch(stage.admin, stage.running, projects="hub", selector="environment=staging") as watch:
        flow.component("backend", "v2")
        second = replay.commit("aad9075", flow.component("frontend", "v2"))
        claim = "refs/panel/promotions/p2"
        assert flow.push(second, claim)[0] == 0
        assert list(flow.push(second, claim, second)) == [0, ["Everything up-to-date"]]
        other = git(flow.clone.directory, "commit-tree", "-p", second, "-m", "other", f"{second}^{{tree}}")
        code, lines = flow.push(other, claim)
        rejected = [
            f" ! [rejected]        {other} -> {ref}"
            for ref in ("env/staging (atomic push failed)", f"{claim} (stale info)")
        ]
        assert [code, lines] == [1, rejected]
        replay.slowly(9, 10, 11)
        replay.steps(12, 13, 14)
        replay.slowly(15)
        replay.settled("flow-frontend")
        replay.steps(16, 17)
        third = replay.commit("dfa1d0b", flow.component("backend", "v3"))
        assert flow.push(third, "refs/panel/promotions/p3")[0] == 0
        since = int(stage.admin.application("flow-backend")["metadata"]["resourceVersion"])
        replay.slowly(19)
        replay.settled("flow-backend")
        poll(replay, 20, watch, since)
        replay.slowly(21, 22)
        replay.step(23)
    for name in ("flow-backend", "flow-frontend"):
        replay.same_order(24, watch, name)


def test_day_two(stage: Stage) -> None:
    replay = stage.replay("day-two", stage.admin)
    replay.commit("8138ac6", stage.repository.commit("everything", *everything(), path="full"))
    replay.slowly(0, 1)
    replay.speed(0.5)
    replay.steps(3, 2)
    nodes = stage.admin.get("/api/v1/applications/full/resource-tree", project="hub").json()["nodes"]
    named = {(node["kind"], node["name"]): node["uid"] for node in nodes}
    pod = next(name for kind, name in named if kind == "Pod" and name.startswith("backend"))
    replay.translation.add_generated("3c09b159-3397-4da2-a35c-b9fd85c440d4", named["Deployment", "backend"])
    replay.translation.add_generated("ec200e51-f33f-4756-9d77-d06c0dc9b311", named["Pod", pod])
    replay.translation.add_generated("backend-c5f556466-bm2rh", pod)
    replay.steps(*range(4, 12))
    changed(stage.admin, "ConfigMap", "backend-config", "", {"data": {"LOG_LEVEL": "trace"}})
    changed(stage.admin, "Deployment", "backend", "apps", {"spec": {"replicas": 3}})
    replay.steps(*range(12, 22))


def changed(argo: Argo, kind: str, name: str, group: str, patch: Json) -> None:
    """Change a live object by hand."""
    query = {"namespace": "full", "resourceName": name, "kind": kind, "group": group, "version": "v1", "project": "hub",
             "patchType": "application/merge-patch+json"}  # fmt: skip
    answer = argo.http.post("/api/v1/applications/full/resource", params=query, json=json.dumps(patch))
    assert answer.status_code == 200, answer.text


def test_delete(stage: Stage) -> None:
    replay = stage.replay("delete")
    replay.commit("6d02c3c", stage.repository.commit("auto", config_map("backend-config"), path="auto"))
    stage.create("auto-sync")
    replay.settled("auto")
    with Watch(stage.deployer, stage.running, projects="hub") as watch:
        replay.slowly(0, 1)
    replay.same_order(5, watch, "auto")
    last = [application["status"] for kind, application in watch.applications() if kind == "DELETED"]
    assert [(status["sync"]["status"], status["health"]["status"]) for status in last] == [("OutOfSync", "Missing")]
    stage.create("sync-success")
    for index in (2, 4):
        silent(stage.deployer, exchange("delete", index).path, exchange("delete", index).params)
    refused = Argo(stage.running.url).get(STREAMS)
    events = exchange("delete", 3).events or []
    assert (refused.status_code, refused.json()) == (exchange("delete", 3).status, events[0]["json"])


def silent(argo: Argo, path: str, params: dict[str, Any]) -> None:
    """A stream that has nothing to say does not even send a status line."""
    started = time.monotonic()
    with pytest.raises(httpx.ReadTimeout), argo.http.stream("GET", path, params=params, timeout=0.4):
        pytest.fail("headers came without a message")
    assert time.monotonic() - started >= 0.4
