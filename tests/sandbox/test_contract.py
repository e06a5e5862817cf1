"""The sandbox's answers have exactly the fields that a real Argo CD's answers had, state by state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.sandbox.conftest import Argo, DeployRepository, Json, config_map, deployment, manifest, settled

TRANSCRIPTS = Path(__file__).parents[1] / "contract" / "transcripts"
NAME = "backend-staging"
PATH = f"/api/v1/applications/{NAME}"
SERVICE: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "backend"},
    "spec": {"selector": {"app.kubernetes.io/name": "backend"}, "ports": [{"port": 80}]},
}
BUDGET: Json = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "backend"},
    "spec": {"minAvailable": 1},
}


def recorded(scenario: str) -> list[Any]:
    """The bodies of a scenario's answers."""
    document = json.loads((TRANSCRIPTS / f"{scenario}.json").read_text("utf-8"))
    return [exchange["response"].get("body") for exchange in document["exchanges"]]


def fields(value: Any, path: str = "") -> set[str]:
    """Every path of keys in a document; who wrote which field (managedFields) is left out."""
    if isinstance(value, list):
        return set().union(*(fields(item, f"{path}[]") for item in value))
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, item in value.items():
        if key != "managedFields":
            found |= {f"{path}.{key}"} | fields(item, f"{path}.{key}")
    return found


def objects(version: str, level: str) -> list[Json]:
    return [
        config_map("backend-config", LOG_LEVEL=level),
        deployment("backend", f"registry.example.test/backend:{version}"),
        SERVICE,
        BUDGET,
    ]


def test_a_sync_from_creation_to_a_second_revision_has_the_recorded_fields(
    deployer: Argo, repository: DeployRepository
) -> None:
    real = recorded("sync-success")
    first = repository.commit("backend v1", *objects("v1", "info"))
    assert fields(deployer.post("/api/v1/applications", manifest(NAME, repository)).json()) == fields(real[0])
    compared = deployer.wait(NAME, lambda found: found["status"]["sync"]["status"] != "")
    assert fields(compared) == fields(real[1])
    assert fields(deployer.sync(NAME, first, dryRun=True).json()) == fields(real[2])
    dry = deployer.wait(NAME, lambda found: "finishedAt" in found["status"].get("operationState", {}))
    assert fields(dry) == fields(real[3])
    marker = [{"name": "deployment", "value": "dep-1"}]
    assert fields(deployer.sync(NAME, first, prune=True, infos=marker).json()) == fields(real[4])
    assert fields(deployer.wait(NAME, settled)) == fields(real[6])
    assert fields(deployer.get(f"{PATH}/resource-tree").json()) == fields(real[7])
    assert fields(deployer.get(f"{PATH}/managed-resources").json()) == fields(real[8])
    assert fields(deployer.get(f"{PATH}/manifests", revision=first).json()) == fields(real[9])
    assert fields(deployer.get(f"{PATH}/events").json()) == fields(real[10])
    assert fields(deployer.get(f"{PATH}/revisions/{first}/metadata").json()) == fields(real[11])

    second = repository.commit("backend v2", *objects("v2", "debug"))
    assert fields(deployer.sync(NAME, second, prune=True).json()) == fields(real[12])
    done = deployer.wait(NAME, lambda found: settled(found) and found["status"]["sync"]["revision"] == second)
    assert fields(done) == fields(real[14])


def test_an_image_that_cannot_be_pulled_has_the_recorded_fields(deployer: Argo, repository: DeployRepository) -> None:
    real = recorded("rollout-degraded")
    broken = deployment("backend", "registry.example.test/backend:does-not-exist", deadline=15)
    commit = repository.commit("broken", config_map("backend-config", LOG_LEVEL="info"), broken)
    deployer.post("/api/v1/applications", manifest(NAME, repository))
    deployer.sync(NAME, commit)
    degraded = deployer.wait(NAME, lambda found: found["status"]["health"].get("status") == "Degraded")
    assert fields(degraded) == fields(real[2])
    assert fields(deployer.get(f"{PATH}/resource-tree").json()) == fields(real[3])


def test_a_project_and_its_refusals_have_the_recorded_fields(admin: Argo, deployer: Argo, project: Json) -> None:
    real = recorded("projects")
    plain = fields(real[1]) - {".spec.roles[].description"}
    assert fields(project) == plain
    assert fields(admin.get("/api/v1/clusters").json()) == fields(real[6])
    assert admin.get("/api/v1/repositories").json() == real[7]
    assert admin.get("/api/v1/projects/absent").json() == real[0]
    own = fields(recorded("project-token")[4]) - {".spec.roles[].description"}
    assert fields(deployer.get("/api/v1/projects/hub").json()) == own


def test_the_stream_repeats_the_recorded_order_of_states(deployer: Argo, repository: DeployRepository) -> None:
    first = repository.commit("backend v1", *objects("v1", "info"))
    deployer.post("/api/v1/applications", manifest(NAME, repository))
    deployer.sync(NAME, first)
    deployer.wait(NAME, settled)
    second = repository.commit("backend v2", *objects("v2", "debug"))
    deployer.send("PUT", "/sandbox/settings", {"speed": 4})
    rows: list[tuple[Any, ...]] = []
    with deployer.http.stream("GET", "/api/v1/stream/applications", params={"name": NAME}) as answer:
        messages = (json.loads(line)["result"]["application"] for line in answer.iter_lines())
        next(messages)
        deployer.sync(NAME, second, prune=True)
        for found in messages:
            status = found["status"]
            phase = status.get("operationState", {}).get("phase")
            newest = status["history"][-1]["revision"] == second
            row = ("operation" in found, phase, newest, status["sync"]["revision"] == second)
            if not rows or rows[-1] != row:
                rows.append(row)
            if phase == "Succeeded" and status["health"]["status"] == "Healthy" and row[3] and "operation" not in found:
                break
    assert rows == [
        (True, None, False, False),
        (True, "Running", False, False),
        (True, "Running", True, False),
        (False, "Succeeded", True, False),
        (False, "Succeeded", True, True),
    ]
