"""Operations: conflicts, failures, dry runs, pruning, hooks and waves, termination, automated sync, rollback, windows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.conftest import PROJECT, Argo, DeployRepository, Json, config_map, deployment, manifest, settled
from tests.sandbox.test_sync import deploy

NAME = "backend-staging"
PATH = f"/api/v1/applications/{NAME}"


def ended(application: Json) -> bool:
    """No operation runs."""
    state = application["status"].get("operationState", {})
    return "operation" not in application and "finishedAt" in state


def job(name: str, image: str, **annotations: str) -> Json:
    """A Job of one container."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": name, "image": image}]}}
    metadata = {"name": name, "annotations": {f"argocd.argoproj.io/{key}": value for key, value in annotations.items()}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}


@pytest.fixture
def created(deployer: Argo, repository: DeployRepository) -> str:
    assert deployer.post("/api/v1/applications", manifest(NAME, repository)).status_code == 200
    found = deployer.wait(NAME, lambda item: item["status"]["sync"]["status"] != "")
    return str(found["status"]["sync"]["revision"])


def test_a_second_sync_at_once_is_refused(deployer: Argo, created: str) -> None:
    deployer.send("PUT", "/sandbox/settings", {"speed": 1})
    assert deployer.sync(NAME, created).status_code == 200
    again = deployer.sync(NAME, created)
    message = "another operation is already in progress"
    assert (again.status_code, again.json()) == (400, {"error": message, "code": 9, "message": message})


def test_a_commit_that_does_not_exist_is_accepted_and_ends_in_error(deployer: Argo, created: str) -> None:
    assert deployer.sync(NAME, "f" * 40).status_code == 200
    state = deployer.wait(NAME, ended)["status"]["operationState"]
    assert state["phase"] == "Error"
    assert state["message"].startswith(
        "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: "
        "code = Unknown desc = failed to initialize repository resources: rpc error: code = Internal desc = "
        f"Failed to checkout revision {'f' * 40}: `git fetch origin {'f' * 40} --tags --force --prune` failed exit status 128"
    )
    unknown = deployer.sync(NAME, "no-such-branch")
    assert (unknown.status_code, unknown.json()["code"]) == (400, 9)
    assert unknown.json()["message"].startswith("error resolving repo revision: ")


def test_a_dry_run_changes_nothing(deployer: Argo, created: str) -> None:
    deployer.sync(NAME, created, dryRun=True)
    found = deployer.wait(NAME, ended)
    state = found["status"]["operationState"]
    assert state["message"] == "successfully synced (no more tasks)"
    assert {(item["message"].split(" ", 1)[1], item["hookPhase"]) for item in state["syncResult"]["resources"]} == {
        ("created (dry run)", "Succeeded")
    }
    assert "history" not in found["status"]
    assert found["status"]["health"]["status"] == "Missing"


def test_what_left_git_stays_until_a_sync_prunes(deployer: Argo, repository: DeployRepository) -> None:
    deploy(deployer, repository)
    commit = repository.commit("without the ConfigMap", deployment("backend", "example.test/backend:v1"))
    deployer.sync(NAME, commit)
    kept = deployer.wait(NAME, lambda item: ended(item) and item["status"]["sync"]["revision"] == commit)
    results = {item["kind"]: item for item in kept["status"]["operationState"]["syncResult"]["resources"]}
    assert (results["ConfigMap"]["status"], results["ConfigMap"]["message"]) == (
        "PruneSkipped",
        "ignored (requires pruning)",
    )
    assert kept["status"]["sync"]["status"] == "OutOfSync"
    deployer.sync(NAME, commit, prune=True)
    pruned = deployer.wait(NAME, settled)
    results = {item["kind"]: item["status"] for item in pruned["status"]["operationState"]["syncResult"]["resources"]}
    assert results["ConfigMap"] == "Pruned"
    assert [item["kind"] for item in pruned["status"]["resources"]] == ["Deployment"]


def test_what_the_cluster_refuses_fails_the_operation(
    deployer: Argo, repository: DeployRepository, created: str
) -> None:
    wrong = deployment("backend", "example.test/backend:v2")
    wrong["spec"]["replicas"] = "two"
    commit = repository.commit("bad replicas", wrong)
    deployer.sync(NAME, commit)
    state = deployer.wait(NAME, ended)["status"]["operationState"]
    reason = (
        'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field '
        "DeploymentSpec.spec.replicas of type int32"
    )
    assert (state["phase"], state["message"]) == ("Failed", f"one or more objects failed to apply, reason: {reason}")
    assert state["syncResult"]["resources"][-1]["status"] == "SyncFailed"


def test_a_failed_operation_is_tried_again_as_often_as_asked(deployer: Argo, created: str) -> None:
    retry = {"limit": 2, "backoff": {"duration": "10s", "factor": 1}}
    deployer.sync(NAME, "e" * 40, retryStrategy=retry)
    waiting = deployer.wait(NAME, lambda item: item["status"].get("operationState", {}).get("retryCount") == 1)
    state = waiting["status"]["operationState"]
    assert (state["phase"], "finishedAt" in state, "operation" in waiting) == ("Running", True, True)
    assert ". Retrying attempt #1 at " in state["message"]
    done = deployer.wait(NAME, ended)["status"]["operationState"]
    assert (done["phase"], done["retryCount"]) == ("Error", 2)
    assert done["message"].endswith(" (retried 2 times).")


def test_hooks_run_before_and_waves_one_after_the_other(
    deployer: Argo, repository: DeployRepository, created: str
) -> None:
    late = deployment("backend", "example.test/backend:v1")
    late["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": "2"}
    commit = repository.commit(
        "hooks", config_map("backend-config"), late, job("migrate", "example.test/m:1", hook="PreSync")
    )
    deployer.sync(NAME, commit)
    messages: list[str] = []

    def watch(found: Json) -> bool:
        message = found["status"].get("operationState", {}).get("message", "")
        if message and (not messages or messages[-1] != message):
            messages.append(message)
        return settled(found)

    done = deployer.wait(NAME, watch)
    assert "waiting for completion of hook batch/Job/migrate" in messages
    assert messages[-1] == "successfully synced (all tasks run)"
    results = [
        (item["kind"], item["syncPhase"], item.get("hookType"), item["hookPhase"])
        for item in done["status"]["operationState"]["syncResult"]["resources"]
    ]
    assert results == [
        ("Namespace", "PreSync", None, "Running"),
        ("Job", "PreSync", "PreSync", "Succeeded"),
        ("ConfigMap", "Sync", None, "Succeeded"),
        ("Deployment", "Sync", None, "Running"),
    ]
    entries = {item["kind"]: item for item in done["status"]["resources"]}
    assert entries["Deployment"]["syncWave"] == 2
    assert (entries["Job"]["hook"], entries["Job"]["requiresPruning"], "status" in entries["Job"]) == (
        True,
        True,
        False,
    )


def test_a_running_operation_can_be_terminated(deployer: Argo, repository: DeployRepository, created: str) -> None:
    nothing = deployer.send("DELETE", f"{PATH}/operation")
    message = "Unable to terminate operation. No operation is in progress"
    assert (nothing.status_code, nothing.json()) == (400, {"error": message, "code": 3, "message": message})
    stuck = job("migrate", "example.test/does-not-exist:1", hook="PreSync")
    commit = repository.commit("stuck hook", config_map("backend-config"), stuck)
    deployer.sync(NAME, commit, infos=[{"name": "promotion", "value": "p9"}])
    waiting = "waiting for completion of hook batch/Job/migrate"
    deployer.wait(NAME, lambda item: item["status"].get("operationState", {}).get("message") == waiting)
    assert deployer.send("DELETE", f"{PATH}/operation").json() == {}
    state = deployer.wait(NAME, ended)["status"]["operationState"]
    assert (state["phase"], state["message"]) == ("Failed", "Operation terminated")
    hook = next(item for item in state["syncResult"]["resources"] if item["kind"] == "Job")
    assert (hook["hookPhase"], hook["message"]) == ("Failed", "Terminated")
    log = deployer.get("/sandbox/operations").json()["items"]
    assert [(item["type"], item["infos"]) for item in log] == [
        ("sync", [{"name": "promotion", "value": "p9"}]),
        ("terminate", [{"name": "promotion", "value": "p9"}]),
    ]


def automated(repository: DeployRepository) -> Json:
    """An Application that syncs and heals itself."""
    policy = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]}
    return manifest(NAME, repository, syncPolicy=policy)


def test_automated_sync_follows_the_branch_and_refuses_explicit_revisions(
    deployer: Argo, repository: DeployRepository
) -> None:
    deployer.post("/api/v1/applications", automated(repository))
    first = deployer.wait(NAME, settled)
    state = first["status"]["operationState"]
    assert state["operation"]["initiatedBy"] == {"automated": True}
    assert state["operation"]["retry"] == {"limit": 5}
    commit = repository.commit("v2", config_map("backend-config"), deployment("backend", "example.test/backend:v2"))
    refreshed = deployer.application(NAME, refresh="normal")
    assert refreshed["operation"]["sync"]["revision"] == commit
    deployer.wait(NAME, lambda item: settled(item) and item["status"]["sync"]["revision"] == commit)
    refused = deployer.sync(NAME, commit)
    message = f"Cannot sync to {commit}: auto-sync currently set to main"
    assert (refused.status_code, refused.json()) == (400, {"error": message, "code": 9, "message": message})
    rollback = deployer.post(f"{PATH}/rollback", {"id": 0})
    assert (rollback.status_code, rollback.json()["code"]) == (400, 9)
    assert rollback.json()["message"] == "rollback cannot be initiated when auto-sync is enabled"
    accepted = deployer.sync(NAME, infos=[{"name": "promotion", "value": "p3"}])
    assert accepted.json()["operation"]["sync"]["revision"] == commit
    done = deployer.wait(NAME, settled)
    assert done["status"]["operationState"]["operation"]["info"] == [{"name": "promotion", "value": "p3"}]


def test_drift_is_healed_by_a_selective_operation_without_history(
    admin: Argo, deployer: Argo, repository: DeployRepository
) -> None:
    deployer.post("/api/v1/applications", automated(repository))
    deployer.wait(NAME, settled)
    query = {"namespace": NAME, "resourceName": "backend-config", "version": "v1", "kind": "ConfigMap", "group": ""}
    patch = json.dumps(json.dumps({"data": {"LOG_LEVEL": "trace"}}))

    def change(argo: Argo) -> int:
        headers = {"Content-Type": "application/json"}
        return argo.http.post(f"{PATH}/resource", params=query, content=patch, headers=headers).status_code

    assert change(deployer) == 403, "the role may not patch resources"
    assert change(admin) == 200

    def healed(found: Json) -> bool:
        sync = found["status"].get("operationState", {}).get("operation", {}).get("sync", {})
        return settled(found) and "autoHealAttemptsCount" in sync

    done = deployer.wait(NAME, healed)
    sync = done["status"]["operationState"]["operation"]["sync"]
    assert sync["resources"] == [{"kind": "ConfigMap", "name": "backend-config"}]
    assert len(done["status"]["history"]) == 1


def test_a_rollback_repeats_an_old_revision_and_leaves_the_spec(deployer: Argo, repository: DeployRepository) -> None:
    first = deploy(deployer, repository)
    second = repository.commit("v2", config_map("backend-config"), deployment("backend", "example.test/backend:v2"))
    deployer.sync(NAME, second)
    deployer.wait(NAME, lambda item: settled(item) and item["status"]["sync"]["revision"] == second)
    queued = deployer.post(f"{PATH}/rollback", {"id": 0}).json()
    assert queued["operation"]["sync"]["revision"] == first
    done = deployer.wait(NAME, ended)
    assert [item["revision"] for item in done["status"]["history"]] == [first, second, first]
    deployer.wait(NAME, lambda item: item["status"]["sync"]["status"] == "OutOfSync")
    unknown = deployer.post(f"{PATH}/rollback", {"id": 99})
    message = f"application argocd/{NAME} does not have deployment with id 99"
    assert (unknown.status_code, unknown.json()["code"], unknown.json()["message"]) == (400, 3, message)


def test_a_deny_window_blocks_a_manual_sync(
    admin: Argo, deployer: Argo, repository: DeployRepository, created: str
) -> None:
    window: dict[str, Any] = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}
    spec = {**PROJECT["spec"], "syncWindows": [window]}  # type: ignore[dict-item]
    answer = admin.post("/api/v1/projects", {"project": {"metadata": {"name": "hub"}, "spec": spec}, "upsert": True})
    assert answer.status_code == 200
    shown = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "manualSync": False}
    windows = deployer.get(f"{PATH}/syncwindows").json()
    assert windows == {"activeWindows": [shown], "assignedWindows": [shown], "canSync": False}
    refused = deployer.sync(NAME, created)
    assert (refused.status_code, refused.json()["message"]) == (403, "cannot sync: blocked by sync window")


def test_two_applications_that_make_one_namespace_at_once_get_in_each_others_way(
    deployer: Argo, repository: DeployRepository
) -> None:
    """Each sees that it is missing, one makes it, the other's fails and is tried again."""
    shared = {"server": "https://kubernetes.default.svc", "namespace": "shared"}
    commit = repository.commit("apart", config_map("one"), path="one")
    commit = repository.commit("apart", config_map("two"), path="two")
    for name in ("one", "two"):
        item = manifest(name, repository, destination=shared)
        item["spec"]["source"]["path"] = name
        assert deployer.post("/api/v1/applications", item).status_code == 200
    deployer.send("PUT", "/sandbox/settings", {"speed": 1})
    for name in ("one", "two"):
        retry = {"limit": 1, "backoff": {"duration": "100ms"}}
        assert deployer.sync(name, commit, retryStrategy=retry).status_code == 200
    states = [deployer.wait(name, ended_for_good)["status"]["operationState"] for name in ("one", "two")]
    assert [state["phase"] for state in states] == ["Succeeded", "Succeeded"]
    assert sorted(state.get("retryCount", 0) for state in states) == [0, 1]


def ended_for_good(application: Json) -> bool:
    """No operation runs and none waits for its next try."""
    return application["status"].get("operationState", {}).get("phase") in ("Succeeded", "Failed", "Error")


def test_what_is_pruned_last_waits_until_all_else_is_healthy(deployer: Argo, repository: DeployRepository) -> None:
    deploy(deployer, repository)
    commit = repository.commit("without the ConfigMap", deployment("backend", "example.test/backend:v2"))
    deployer.sync(NAME, commit, prune=True, syncOptions={"items": ["PruneLast=true"]})
    messages: list[str] = []

    def watch(found: Json) -> bool:
        messages.append(found["status"].get("operationState", {}).get("message", ""))
        return settled(found) and "ConfigMap" not in str(found["status"]["resources"])

    done = deployer.wait(NAME, watch)["status"]["operationState"]
    assert "waiting for healthy state of apps/Deployment/backend" in messages
    assert [(item["kind"], item["status"]) for item in done["syncResult"]["resources"]] == [
        ("Deployment", "Synced"),
        ("ConfigMap", "Pruned"),
    ]
