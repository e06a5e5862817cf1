"""Pods over time: images that cannot start, rolling updates, the other workloads, the tree."""

from __future__ import annotations

from collections.abc import Callable

from tests.sandbox.conftest import Argo, DeployRepository, Json, config_map, deployment, manifest, settled
from tests.sandbox.test_sync import deploy

NAME = "backend-staging"
PATH = f"/api/v1/applications/{NAME}"


def tree(argo: Argo) -> list[Json]:
    return list(argo.get(f"{PATH}/resource-tree").json()["nodes"])


def pods(argo: Argo) -> list[Json]:
    return [node for node in tree(argo) if node["kind"] == "Pod"]


def info(node: Json) -> dict[str, str | None]:
    return {item["name"]: item.get("value") for item in node.get("info", [])}


def health_is(status: str) -> Callable[[Json], bool]:
    return lambda found: "operation" not in found and found["status"]["health"].get("status") == status


def start(argo: Argo, repository: DeployRepository, *objects: Json) -> str:
    commit = repository.commit("start", *objects)
    assert argo.post("/api/v1/applications", manifest(NAME, repository)).status_code == 200
    assert argo.sync(NAME, commit).status_code == 200
    return commit


def test_an_image_that_cannot_be_pulled_degrades_after_the_deadline_and_names_the_reason(
    deployer: Argo, repository: DeployRepository
) -> None:
    start(deployer, repository, deployment("backend", "example.test/backend:does-not-exist", deadline=30))
    progressing = deployer.wait(NAME, health_is("Progressing"))
    assert progressing["status"]["health"]["message"] == f"Caused by apps/Deployment:{NAME}/backend"
    degraded = deployer.wait(NAME, health_is("Degraded"))
    assert degraded["status"]["operationState"]["phase"] == "Succeeded"
    assert degraded["status"]["resources"][0]["health"] == {
        "status": "Degraded",
        "message": 'Deployment "backend" exceeded its progress deadline',
    }
    assert len(pods(deployer)) == 2
    for pod in pods(deployer):
        assert info(pod)["Status Reason"] == "ImagePullBackOff"
        assert info(pod)["Containers"] == "0/1"
        message = "Back-off pulling image example.test/backend:does-not-exist"
        assert pod["health"] == {"status": "Degraded", "message": message}
    pod = pods(deployer)[0]
    query = {"resourceName": pod["name"], "resourceNamespace": NAME, "resourceUID": pod["uid"]}
    reasons = [item["reason"] for item in deployer.get(f"{PATH}/events", **query).json()["items"]]
    assert reasons == ["Scheduled", "Failed", "BackOff"]
    wrong = deployer.get(f"{PATH}/events", resourceNamespace=NAME, resourceName="backend")
    assert (wrong.status_code, wrong.json()["message"]) == (400, f"backend not found as part of application {NAME}")


def test_a_container_that_crashes_is_started_again_and_again(deployer: Argo, repository: DeployRepository) -> None:
    start(deployer, repository, deployment("backend", "example.test/crashes:v1", replicas=1, deadline=60))
    deployer.wait(NAME, health_is("Degraded"))
    pod = pods(deployer)[0]
    assert int(info(pod)["Restart Count"] or 0) >= 1
    assert pod["health"]["status"] == "Degraded"


def test_pods_that_never_get_ready_run_without_being_ready(deployer: Argo, repository: DeployRepository) -> None:
    start(deployer, repository, deployment("backend", "example.test/never-ready:v1", replicas=1, deadline=40))
    deployer.wait(NAME, health_is("Degraded"))
    pod = pods(deployer)[0]
    assert (info(pod)["Status Reason"], info(pod)["Containers"]) == ("Running", "0/1")
    assert pod["health"] == {"status": "Progressing"}


def test_old_pods_serve_until_new_ones_are_ready(deployer: Argo, repository: DeployRepository) -> None:
    deploy(deployer, repository)
    commit = repository.commit("v2", deployment("backend", "example.test/backend:v2-does-not-exist", deadline=30))
    deployer.sync(NAME, commit, prune=True)
    deployer.wait(NAME, health_is("Degraded"))
    serving = [pod for pod in pods(deployer) if pod["health"]["status"] == "Healthy"]
    assert [pod["images"] for pod in serving] == [["example.test/backend:v1"]] * 2
    stuck = [pod for pod in pods(deployer) if pod["health"]["status"] == "Degraded"]
    assert [pod["images"] for pod in stuck] == [["example.test/backend:v2-does-not-exist"]]
    sets = {info(node)["Revision"]: node for node in tree(deployer) if node["kind"] == "ReplicaSet"}
    assert stuck[0]["parentRefs"][0]["name"] == sets["Rev:2"]["name"]

    good = repository.commit("v3", deployment("backend", "example.test/backend:v3"))
    deployer.sync(NAME, good, prune=True)
    seen: set[int] = set()

    def watch(found: Json) -> bool:
        seen.add(sum(pod["health"]["status"] == "Healthy" for pod in pods(deployer)))
        return settled(found)

    deployer.wait(NAME, watch)
    assert min(seen) >= 2, "there were always two ready pods"
    live = [pod for pod in pods(deployer) if info(pod)["Status Reason"] == "Running"]
    assert [pod["images"] for pod in live] == [["example.test/backend:v3"]] * 2


def workload(kind: str, name: str, image: str, **spec: object) -> Json:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": image}]}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": labels}, "template": template, **spec}}  # fmt: skip


def test_every_kind_finds_its_health(deployer: Argo, repository: DeployRepository) -> None:
    claim = {"metadata": {"name": "data"}, "spec": {}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "plain"}, "stringData": {"password": "x"}}
    objects: list[Json] = [
        workload("StatefulSet", "redis", "example.test/redis:7", replicas=2, volumeClaimTemplates=[claim]),
        workload("DaemonSet", "agent", "example.test/agent:1"),
        secret,
        {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "tenant"}, "spec": {}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": {}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": {}},
        config_map("plain"),
    ]
    start(deployer, repository, *objects)
    found = deployer.wait(NAME, settled)
    health = {item["kind"]: item.get("health") for item in found["status"]["resources"]}
    assert health == {
        "ConfigMap": None,
        "Secret": None,
        "Service": {"status": "Healthy"},
        "StatefulSet": {"status": "Healthy"},
        "DaemonSet": {"status": "Healthy"},
        "ExternalSecret": {"status": "Healthy", "message": "secret synced"},
        "Ingress": {"status": "Healthy"},
        "PodDisruptionBudget": {"status": "Healthy", "message": "PodDisruptionBudget has SufficientPods"},
    }
    assert sorted(pod["name"] for pod in pods(deployer) if pod["name"].startswith("redis")) == ["redis-0", "redis-1"]
    assert sum(pod["name"].startswith("agent") for pod in pods(deployer)) == 3
    query = {"namespace": NAME, "resourceName": "plain", "group": "", "version": "v1", "kind": "Secret"}
    shown = deployer.get(f"{PATH}/resource", **query).json()["manifest"]
    assert "++++++++" in shown
    assert '"data":{"password":"++++++++"}' in shown


def test_a_stateful_set_is_updated_from_the_highest_ordinal_down(deployer: Argo, repository: DeployRepository) -> None:
    start(deployer, repository, workload("StatefulSet", "redis", "example.test/redis:7", replicas=2))
    deployer.wait(NAME, settled)
    commit = repository.commit("redis 8", workload("StatefulSet", "redis", "example.test/redis:8", replicas=2))
    deployer.sync(NAME, commit)
    states: set[tuple[str, ...]] = set()

    def watch(found: Json) -> bool:
        states.add(tuple(pod["images"][0][-1] for pod in sorted(pods(deployer), key=lambda pod: str(pod["name"]))))
        return settled(found) and found["status"]["sync"]["revision"] == commit

    deployer.wait(NAME, watch)
    assert ("8", "7") not in states
    assert [pod["images"] for pod in pods(deployer)] == [["example.test/redis:8"]] * 2


def test_one_failing_external_secret_makes_its_application_degraded(
    deployer: Argo, repository: DeployRepository
) -> None:
    failing = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "tenant-failing"},
        "spec": {"data": [{"remoteRef": {"key": "hub/does-not-exist"}}]},
    }
    start(deployer, repository, failing)
    found = deployer.wait(NAME, health_is("Degraded"))
    cause = f"Caused by external-secrets.io/ExternalSecret:{NAME}/tenant-failing"
    assert found["status"]["health"]["message"] == cause
    message = "could not get secret data from provider"
    assert found["status"]["resources"][0]["health"] == {"status": "Degraded", "message": message}


def test_restart_rolls_the_pods_without_operation_or_drift(deployer: Argo, repository: DeployRepository) -> None:
    deploy(deployer, repository)
    before = {pod["uid"] for pod in pods(deployer)}
    body = {"namespace": NAME, "resourceName": "backend", "group": "apps", "version": "v1", "kind": "Deployment",
            "action": "restart"}  # fmt: skip
    assert deployer.post(f"{PATH}/resource/actions/v2", body).json() == {}
    deployer.wait(NAME, health_is("Progressing"))
    after = deployer.wait(NAME, settled)
    assert len(after["status"]["history"]) == 1
    live = {pod["uid"] for pod in pods(deployer) if info(pod)["Status Reason"] == "Running"}
    assert not before & live


def test_logs_manifests_and_commits_can_be_read(deployer: Argo, repository: DeployRepository) -> None:
    commit = deploy(deployer, repository)
    pod = pods(deployer)[0]["name"]
    lines = deployer.get(f"{PATH}/pods/{pod}/logs", namespace=NAME, container="backend", tailLines=2).text.splitlines()
    assert len(lines) == 3
    assert '"last":true' in lines[-1]
    assert deployer.get(f"{PATH}/logs", podName="absent", namespace=NAME).text == ""
    metadata = deployer.get(f"{PATH}/revisions/{commit}/metadata").json()
    assert (metadata["author"], metadata["message"]) == ("ci <ci@example.test>", "backend v1")
    manifests = deployer.get(f"{PATH}/manifests", revision=commit).json()["manifests"]
    assert len(manifests) == 2
    managed = deployer.get(f"{PATH}/managed-resources", kind="ConfigMap").json()["items"]
    assert [item["name"] for item in managed] == ["backend-config"]
