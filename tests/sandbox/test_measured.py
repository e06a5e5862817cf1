"""What the sandbox tells of itself, and how its time can be made to run: for those who measure a client."""

from __future__ import annotations

from typing import Any

from sandbox.pods import _probe_delay
from tests.sandbox.conftest import Argo, DeployRepository, Json, deployment
from tests.sandbox.test_rollouts import NAME, PATH, health_is, start


def patient(seconds: int) -> Json:
    """A Deployment whose Pods are asked for the first time after so many seconds."""
    found = deployment("backend", "example.test/backend:1", replicas=1)
    found["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = {"initialDelaySeconds": seconds}
    return found


def test_a_pod_waits_for_its_probe_and_follows_a_change_of_the_speed(
    deployer: Argo, repository: DeployRepository
) -> None:
    start(deployer, repository, patient(100_000))
    deployer.wait(NAME, lambda found: "operation" not in found and bool(found["status"].get("resources")))
    deployer.wait(NAME, health_is("Progressing"))
    assert deployer.send("PUT", "/sandbox/settings", {"speed": 10_000}).status_code == 200
    deployer.wait(NAME, health_is("Healthy"))


def test_requests_are_counted_and_refreshes_apart(deployer: Argo, repository: DeployRepository) -> None:
    start(deployer, repository, deployment("backend", "example.test/backend:1"))
    deployer.wait(NAME, health_is("Healthy"))
    before = deployer.get("/sandbox/requests").json()
    deployer.get(PATH)
    deployer.get(PATH)
    deployer.get(PATH, refresh="normal")
    after = deployer.get("/sandbox/requests").json()
    assert after[f"GET {PATH}"] - before[f"GET {PATH}"] == 2
    assert after[f"GET {PATH}?refresh"] - before.get(f"GET {PATH}?refresh", 0) == 1
    assert not any("/sandbox/" in path for path in after)


def test_the_truth_says_since_when_it_stands(deployer: Argo, repository: DeployRepository) -> None:
    commit = start(deployer, repository, deployment("backend", "example.test/backend:1"))
    deployer.wait(NAME, health_is("Healthy"))
    first = deployer.get(f"/sandbox/applications/{NAME}", revision=commit).json()
    assert (first["sync"], first["health"]["status"]) == ("Synced", "Healthy")
    second = repository.commit("next", deployment("backend", "example.test/backend:2"))
    assert deployer.sync(NAME, second).status_code == 200
    deployer.wait(NAME, lambda found: health_is("Healthy")(found) and found["status"]["sync"]["revision"] == second)
    assert deployer.get(f"/sandbox/applications/{NAME}", revision=second).json()["since"] > first["since"] > 0


def test_a_pod_without_a_probe_waits_for_none() -> None:
    pods: list[dict[str, Any]] = [{"spec": {}}, {"spec": {"containers": [{"name": "a"}]}}]
    assert [_probe_delay(pod) for pod in pods] == [0.0, 0.0]
