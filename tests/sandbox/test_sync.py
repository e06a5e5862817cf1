"""From creation to healthy, and a second revision: the states and their order."""

from __future__ import annotations

from tests.sandbox.conftest import Argo, DeployRepository, config_map, deployment, manifest, settled

PATH = "/api/v1/applications/backend-staging"


def test_an_application_becomes_synced_and_healthy(deployer: Argo, repository: DeployRepository) -> None:
    created = deployer.post("/api/v1/applications", manifest("backend-staging", repository))
    assert created.status_code == 200, created.text
    assert created.json()["status"] == {
        "sync": {"status": "", "comparedTo": {"source": {"repoURL": ""}, "destination": {}}},
        "health": {},
        "summary": {},
        "sourceHydrator": {},
    }
    compared = deployer.wait("backend-staging", lambda found: found["status"]["sync"]["status"] == "OutOfSync")
    assert compared["status"]["health"]["status"] == "Missing"
    assert [item["health"] for item in compared["status"]["resources"]] == [{"status": "Missing"}] * 2
    commit = compared["status"]["sync"]["revision"]

    marker = [{"name": "promotion", "value": "p1"}]
    queued = deployer.sync("backend-staging", commit, prune=True, infos=marker).json()
    assert queued["operation"]["info"] == marker
    assert queued["operation"]["initiatedBy"] == {"username": "proj:hub:deployer"}
    assert "operationState" not in queued["status"]

    done = deployer.wait("backend-staging", settled)
    state = done["status"]["operationState"]
    assert state["message"] == "successfully synced (all tasks run)"
    assert state["operation"]["info"] == marker
    assert [item["message"] for item in state["syncResult"]["resources"]] == [
        "namespace/backend-staging created",
        "configmap/backend-config created",
        "deployment.apps/backend created",
    ]
    assert [item["id"] for item in done["status"]["history"]] == [0]
    assert done["status"]["summary"] == {"images": ["example.test/backend:v1"]}


def test_the_operation_succeeds_while_sync_and_health_describe_the_commit_before(
    deployer: Argo, repository: DeployRepository, running: object
) -> None:
    first = deploy(deployer, repository)
    second = repository.commit(
        "backend v2", config_map("backend-config", LOG_LEVEL="debug"), deployment("backend", "example.test/backend:v2")
    )
    deployer.send("PUT", "/sandbox/settings", {"speed": 3})
    assert deployer.sync("backend-staging", second).status_code == 200
    seen: list[tuple[object, ...]] = []

    def watch(found: dict) -> bool:  # type: ignore[type-arg]
        status = found["status"]
        state = status.get("operationState", {})
        row = ("operation" in found, state.get("phase"), status["sync"]["revision"], status["history"][-1]["revision"])
        if not seen or seen[-1] != row:
            seen.append(row)
        return settled(found)

    deployer.wait("backend-staging", watch)
    order = [
        (True, None, first, first),
        (True, "Running", first, first),
        (True, "Running", first, second),  # for milliseconds: a poll may miss it
        (False, "Succeeded", first, second),
        (False, "Succeeded", second, second),
    ]
    assert seen in (order, order[:2] + order[3:])


def deploy(argo: Argo, repository: DeployRepository, name: str = "backend-staging") -> str:
    """Create the Application, sync it and wait; the commit."""
    assert argo.post("/api/v1/applications", manifest(name, repository)).status_code == 200
    compared = argo.wait(name, lambda found: found["status"]["sync"]["status"] != "")
    commit = str(compared["status"]["sync"]["revision"])
    assert argo.sync(name, commit).status_code == 200
    argo.wait(name, settled)
    return commit
