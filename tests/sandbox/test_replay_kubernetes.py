"""The recorded dry runs and reads of a Kubernetes API, re-enacted below /k8s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from controlpanel.clients.errors import CredentialsRefused
from controlpanel.clients.kubernetes import Kubernetes
from sandbox.kubernetes_kinds import KINDS
from sandbox.kubernetes_routes import kubeconfig
from tests.contract.transcripts import DIRECTORY
from tests.sandbox.conftest import Argo, DeployRepository, Json, Running, deployment, manifest
from tests.sandbox.exceptions import excepted
from tests.sandbox.likeness import ABSENT, differences, plain
from tests.sandbox.scenarios import external_secret

RECORDED = json.loads((DIRECTORY / "kubernetes-dry-run.json").read_text())["exchanges"]
NOT_INSTALLED = {"external-secrets.io": "nobody-installed.example"}
"""The recorded cluster had no ExternalSecrets; the sandbox has."""


@pytest.fixture
def token(running: Running) -> str:
    tokens = running.app.state.world.tokens
    tokens.create_account("kubernetes", [])
    return str(tokens.account_token("kubernetes"))


@pytest.fixture
def secret(deployer: Argo, repository: DeployRepository) -> None:
    """A Secret that the operator made of an ExternalSecret, in the namespace of the recording."""
    repository.commit("secret", external_secret("tenant-credentials"))
    wanted = manifest("credentials", repository)
    wanted["spec"]["destination"]["namespace"] = "default"
    assert deployer.post("/api/v1/applications", wanted).status_code == 200
    deployer.sync("credentials")
    deployer.wait("credentials", lambda found: found["status"]["health"].get("status") == "Healthy")


def send(argo: Argo, exchange: Json, token: str) -> httpx.Response:
    request: Json = exchange["request"]
    path = request["path"]
    for group, other in NOT_INSTALLED.items():
        path = path.replace(group, other)
    headers = {"Authorization": f"Bearer {token}"} | request["headers"]
    headers = {name: value for name, value in headers.items() if value}
    return argo.http.request(
        request["method"], f"/k8s{path}", params=request["params"], content=request["body"], headers=headers
    )


@pytest.mark.usefixtures("secret")
def test_kubernetes_dry_run(anonymous: Argo, token: str) -> None:
    for index, exchange in enumerate(RECORDED):
        answer, response = send(anonymous, exchange, token), exchange["response"]
        body: Any = response["body"]
        found = answer.text if isinstance(body, str) else answer.json()
        whole = {"status": response["status"], "type": response["headers"]["content-type"], "body": plain(body, {})}
        other = {"status": answer.status_code, "type": answer.headers["content-type"], "body": plain(found, {})}
        unlike = [item for item in differences(whole, other)
                  if not excepted(f"kubernetes-dry-run {index} {item[0]}{' absent' if item[2] == ABSENT else ''}")]  # fmt: skip
        assert unlike == [], exchange["note"]


@pytest.fixture
def cluster(running: Running, token: str, tmp_path: Path) -> Kubernetes:
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig(running.url, token))
    return Kubernetes.of_kubeconfig(file)


def of(kind: str, version: str = "v1", **rest: Any) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "default"}, **rest}


def container(**more: Any) -> Json:
    made = deployment("x", "example.test/x:1")
    made["spec"]["template"]["spec"]["containers"][0] |= more
    return made


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (deployment("x", "example.test/x:1"), ""),
        (of("ConfigMap", data={"a": "b"}), ""),
        (of("ConfigMap", data={"a": 1}), ".data.a: expected string, got int"),
        (of("Service", spec={"ports": [{"port": 80, "targetPort": "http"}]}), ""),
        (of("Service", spec={"ports": []}), "spec.ports: Required value"),
        (container(imagePullPolicey="Always"), '.spec.template.spec.containers[name="x"].imagePullPolicey: field not declared'),
        (container(readinessProbe={"httpGet": {"path": "/", "port": "http"}}), ""),
        (container(image=""), "spec.template.spec.containers[0].image: Required value"),
        (external_secret("x") | {"metadata": {"name": "x", "namespace": "default"}}, ""),
        (of("ExternalSecret", "external-secrets.io/v1", spec={"dataform": []}), ".spec.dataform: field not declared in schema"),
        (of("Gadget", "nobody.example/v1"), "The cluster has no kind Gadget"),
    ],
    ids=str,
)  # fmt: skip
def test_the_official_client_hears_what_is_wrong_with_an_object(
    cluster: Kubernetes, wanted: Json, problem: str
) -> None:
    wanted["metadata"].setdefault("namespace", "default")
    heard = cluster.dry_run(wanted).problems
    assert (not heard) if not problem else problem in heard[0]


def test_a_namespace_that_argo_cd_will_make_is_no_problem(cluster: Kubernetes) -> None:
    assert (
        "later does not exist yet"
        in cluster.dry_run(of("ConfigMap") | {"metadata": {"name": "x", "namespace": "later"}}).skipped
    )


def test_an_immutable_selector_is_refused(cluster: Kubernetes, deployer: Argo, repository: DeployRepository) -> None:
    deployer.post("/api/v1/applications", manifest("backend", repository))
    deployer.sync("backend")
    deployer.wait("backend", lambda found: found["status"]["health"].get("status") == "Healthy")
    live = deployment("backend", "example.test/backend:v2")
    live["metadata"]["namespace"] = "backend"
    assert cluster.dry_run(live).problems == ()
    live["spec"]["selector"]["matchLabels"] = live["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    assert cluster.dry_run(live).problems[0].endswith("field is immutable")


def test_a_token_of_nobody_is_refused(running: Running, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(kubeconfig(running.url, "nobody"))
    with pytest.raises(CredentialsRefused):
        Kubernetes.of_kubeconfig(tmp_path / "kubeconfig").dry_run(of("ConfigMap"))


@pytest.mark.usefixtures("secret")
def test_the_values_of_secrets_are_never_given(anonymous: Argo, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    path = "/k8s/api/v1/namespaces/default/secrets/tenant-credentials"
    assert anonymous.http.get(path, headers=headers).status_code == 403
    listed = anonymous.http.get(
        "/k8s/api/v1/secrets", headers=headers | {"Accept": "application/json;as=PartialObjectMetadataList"}
    )
    assert [item["metadata"]["name"] for item in listed.json()["items"]] == ["tenant-credentials"]
    assert "data" not in listed.json()["items"][0]


def test_every_kind_that_is_served_is_discovered(anonymous: Argo, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    found = set()
    for kind in KINDS:
        root = f"/k8s/apis/{kind.api_version}" if kind.group else f"/k8s/api/{kind.version}"
        listed = anonymous.http.get(root, headers=headers).json()
        found |= {(listed["groupVersion"], entry["kind"]) for entry in listed["resources"]}
    assert found == {(kind.api_version, kind.kind) for kind in KINDS}
    assert anonymous.http.get("/k8s/apis/nobody.example/v1", headers=headers).status_code == 404
    groups = anonymous.http.get("/k8s/apis", headers=headers).json()["groups"]
    assert {group["name"] for group in groups} == {kind.group for kind in KINDS if kind.group}


def test_a_kubeconfig_names_the_address_and_the_token() -> None:
    document = yaml.safe_load(kubeconfig("http://127.0.0.1:8080/", "t"))
    assert document["clusters"][0]["cluster"]["server"] == "http://127.0.0.1:8080/k8s"
    assert document["users"][0]["user"] == {"token": "t"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"params": {"fieldManager": "x"}}, 403),
        ({"params": {"dryRun": "All"}}, 422),
        ({"headers": {"Content-Type": "application/json"}}, 415),
        ({"content": "a: [b"}, 400),
        ({"content": "kind: Secret"}, 400),
    ],
)
def test_what_is_no_dry_run_of_an_apply_is_refused(anonymous: Argo, token: str, change: Json, status: int) -> None:
    request: Json = {
        "params": {"dryRun": "All", "fieldManager": "x"},
        "headers": {},
        "content": json.dumps(of("ConfigMap")),
    } | change
    headers = (
        {"Content-Type": "application/apply-patch+yaml"} | request["headers"] | {"Authorization": f"Bearer {token}"}
    )
    path = "/k8s/api/v1/namespaces/default/configmaps/x"
    answer = anonymous.http.patch(path, params=request["params"], content=request["content"], headers=headers)
    assert (answer.status_code, answer.json()["kind"]) == (status, "Status")
