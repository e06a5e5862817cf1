"""Faults of the controller: what the Application shows, what the log of operations says, what really lives."""

from __future__ import annotations

import time
from functools import partial

import httpx
import pytest

from sandbox.clock import epoch_of
from tests.sandbox.conftest import Argo, DeployRepository, Json, config_map, deployment, settled
from tests.sandbox.test_faults_requests import accepted, switch_on
from tests.sandbox.test_sync import deploy

NAME = "backend"
MARKER = [{"name": "promotion", "value": "p-1"}]


def idle(application: Json) -> bool:
    return "operation" not in application and "operationState" in application["status"]


def truth(argo: Argo, **query: str) -> Json:
    return dict(argo.get(f"/sandbox/applications/{NAME}", **query).json())


@pytest.fixture
def healthy(deployer: Argo, repository: DeployRepository) -> Argo:
    deploy(deployer, repository, NAME)
    return deployer


def second(repository: DeployRepository) -> str:
    return repository.commit("v2", config_map("backend-config"), deployment("backend", "example.test/backend:v2"))


def test_a_stale_status_describes_the_commit_before_until_it_is_over(
    healthy: Argo, repository: DeployRepository
) -> None:
    before, commit = healthy.application(NAME), second(repository)
    switch_on(healthy, {"effect": "stale-status", "seconds": 600, "next": 1})
    healthy.sync(NAME, commit)
    ended = healthy.wait(NAME, idle)
    assert ended["status"]["operationState"]["phase"] == "Succeeded"
    for _ in range(3):
        shown = healthy.application(NAME)["status"]
        assert {key: shown["sync"][key] for key in ("status", "revision")} == {
            "status": "Synced",
            "revision": before["status"]["sync"]["revision"],
        }
        assert shown["health"]["status"] == "Healthy"
        assert shown["reconciledAt"] == before["status"]["reconciledAt"]
        time.sleep(0.1)
    with pytest.raises(httpx.ReadTimeout):  # a comparison that is asked for has to wait
        healthy.http.get(f"/api/v1/applications/{NAME}", params={"refresh": "normal"}, timeout=0.3)
    switch_on(healthy)
    fresh = healthy.application(NAME, refresh="normal")
    assert fresh["status"]["sync"]["revision"] == commit
    healthy.wait(NAME, settled)


def test_an_early_success_is_claimed_while_the_truth_says_otherwise(
    healthy: Argo, repository: DeployRepository
) -> None:
    commit = repository.commit("v2", deployment("backend", "example.test/never-ready:v2"))
    switch_on(healthy, {"effect": "stale-status", "shows": "early", "seconds": 600, "next": 1})
    healthy.sync(NAME, commit, prune=True)
    shown = healthy.wait(NAME, settled)
    status = shown["status"]
    assert status["sync"]["revision"] == commit
    assert status["reconciledAt"] <= status["operationState"]["finishedAt"]
    assert truth(healthy, revision=commit)["health"]["status"] == "Progressing"
    switch_on(healthy)
    honest = healthy.wait(NAME, lambda found: found["status"]["health"]["status"] == "Progressing")
    assert honest["status"]["sync"]["status"] == "Synced"


def test_a_slow_controller_leaves_the_operation_waiting(healthy: Argo) -> None:
    switch_on(healthy, {"effect": "slow-controller", "seconds": 600})
    assert healthy.sync(NAME).status_code == 200
    waiting = healthy.application(NAME)
    assert "operation" in waiting
    assert "operationState" not in waiting["status"]
    refused = healthy.send("DELETE", f"/api/v1/applications/{NAME}/operation", project="hub")
    assert refused.json()["error"] == "Unable to terminate operation. No operation is in progress"
    switch_on(healthy)
    healthy.wait(NAME, idle)


@pytest.mark.parametrize(("leaves", "phase"), [("nothing", None), ("running", "Running")])
def test_a_lost_operation_was_accepted_and_never_runs(healthy: Argo, leaves: str, phase: str | None) -> None:
    switch_on(healthy, {"effect": "lost-operation", "leaves": leaves, "next": 1})
    before = len(accepted(healthy))
    assert healthy.sync(NAME, infos=MARKER).status_code == 200
    lost = healthy.wait(NAME, lambda found: "operation" not in found)
    assert lost["status"].get("operationState", {}).get("phase") == phase
    log = healthy.get("/sandbox/operations").json()["items"]
    assert [(item["type"], item["infos"]) for item in log[-2:]] == [("sync", MARKER), ("lost", MARKER)]
    assert healthy.sync(NAME, infos=MARKER).status_code == 200
    healthy.wait(NAME, lambda found: found["status"].get("operationState", {}).get("phase") == "Succeeded")
    assert len(accepted(healthy)) == before + 2


def test_a_foreign_operation_starts_at_once(healthy: Argo) -> None:
    switch_on(healthy, {"effect": "foreign-operation", "by": "mert"})
    healthy.wait(NAME, lambda found: last_user(found) == "mert")
    assert [item["initiatedBy"] for item in accepted(healthy)][-1] == {"username": "mert"}


def last_user(application: Json) -> str:
    operation = application["status"].get("operationState", {}).get("operation", {})
    return str(operation.get("initiatedBy", {}).get("username", ""))


def test_a_foreign_operation_is_quicker_than_ours(healthy: Argo) -> None:
    switch_on(healthy, {"effect": "foreign-operation", "moment": "before-sync", "next": 1})
    refused = healthy.sync(NAME, infos=MARKER)
    assert (refused.status_code, refused.json()["code"]) == (400, 9)
    assert refused.json()["error"] == "another operation is already in progress"
    healthy.wait(NAME, lambda found: idle(found) and last_user(found) == "mert")
    assert healthy.sync(NAME, infos=MARKER).status_code == 200


def test_a_foreign_operation_overwrites_ours_after_it_ended(healthy: Argo) -> None:
    switch_on(healthy, {"effect": "foreign-operation", "moment": "after-sync", "next": 1})
    healthy.sync(NAME, infos=MARKER)
    found = healthy.wait(NAME, lambda found: idle(found) and last_user(found) == "mert")
    assert "info" not in found["status"]["operationState"]["operation"]
    assert [item["initiatedBy"]["username"] for item in found["status"]["history"]][-2:] == [
        "proj:hub:deployer",
        "mert",
    ]
    assert [item["infos"] for item in accepted(healthy)][-2:] == [MARKER, []]


def test_somebody_else_terminates_our_operation(healthy: Argo) -> None:
    healthy.http.put("/sandbox/settings", json={"speed": 0.2})
    switch_on(healthy, {"effect": "foreign-termination", "next": 1})
    healthy.sync(NAME, infos=MARKER)
    ended = healthy.wait(NAME, idle)
    state = ended["status"]["operationState"]
    assert (state["phase"], state["message"]) == ("Failed", "Operation terminated")
    log = healthy.get("/sandbox/operations").json()["items"]
    assert (log[-1]["type"], log[-1]["initiatedBy"]) == ("terminate", {"username": "mert"})


def test_an_operation_hangs_in_terminating(healthy: Argo) -> None:
    healthy.http.put("/sandbox/settings", json={"speed": 0.2})
    switch_on(healthy, {"effect": "stuck-terminating", "seconds": 60})
    healthy.sync(NAME)
    healthy.wait(NAME, lambda found: "operationState" in found["status"])
    assert healthy.send("DELETE", f"/api/v1/applications/{NAME}/operation", project="hub").status_code == 200
    time.sleep(1)
    assert healthy.application(NAME)["status"]["operationState"]["phase"] == "Terminating"
    switch_on(healthy)
    assert healthy.wait(NAME, idle)["status"]["operationState"]["message"] == "Operation terminated"


def has_health(wanted: str, found: Json) -> bool:
    return bool(found["status"]["health"]["status"] == wanted)


def test_health_flaps_and_comes_to_rest(healthy: Argo) -> None:
    switch_on(healthy, {"effect": "health-flap", "seconds": 0.3, "status": "Degraded"})
    for wanted in ("Degraded", "Healthy", "Degraded"):
        healthy.wait(NAME, partial(has_health, wanted))
    assert truth(healthy)["health"]["status"] == "Healthy"
    switch_on(healthy)
    healthy.wait(NAME, settled)
    time.sleep(0.7)
    assert settled(healthy.application(NAME))


def test_an_unreachable_cluster_is_told_by_a_condition_and_fails_operations(healthy: Argo) -> None:
    switch_on(healthy, {"effect": "unreachable-cluster"})
    shown = healthy.wait(NAME, lambda found: found["status"]["sync"]["status"] == "Unknown")["status"]
    assert shown["health"]["status"] == "Unknown"
    assert shown["conditions"][0]["type"] == "ComparisonError"
    assert "connection refused" in shown["conditions"][0]["message"]
    healthy.sync(NAME)
    assert healthy.wait(NAME, idle)["status"]["operationState"]["phase"] == "Error"
    switch_on(healthy)
    back = healthy.wait(NAME, lambda found: found["status"]["sync"]["status"] == "Synced")
    assert back["status"]["health"]["status"] == "Healthy"
    assert "conditions" not in back["status"]


def test_a_skewed_clock_shows_times_of_its_own(healthy: Argo) -> None:
    switch_on(healthy, {"effect": "clock-skew", "seconds": -600})
    healthy.sync(NAME)
    state = healthy.wait(NAME, idle)["status"]["operationState"]
    assert 595 <= time.time() - epoch_of(state["finishedAt"]) <= 610
    switch_on(healthy)
    assert time.time() - epoch_of(healthy.application(NAME, refresh="normal")["status"]["reconciledAt"]) < 5


def test_the_truth_tells_what_lives_at_a_commit(healthy: Argo, repository: DeployRepository) -> None:
    first = truth(healthy)
    commit = second(repository)
    assert (first["sync"], first["health"]) == ("Synced", {"status": "Healthy"})
    assert truth(healthy, revision=commit)["sync"] == "OutOfSync"
    assert truth(healthy, revision=first["revision"])["sync"] == "Synced"
    assert healthy.get("/sandbox/applications/nobody").status_code == 404
