"""The reference platform's manifests, as they are rendered for each environment: whole, safe and without tenants."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from controlpanel.catalog import shards
from controlpanel.catalog.document import CatalogDocument, namespace_of, parse
from deployments.renderers.base import render_all
from script.development.overlays import requests as every_request

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "tests/contract/crds"
ENVIRONMENTS = ("staging", "production")
WORKLOADS = ("Deployment", "StatefulSet")
NGINX = "nginx.ingress.kubernetes.io"
SHORT_NAMES = {"tempo", "loki", "prometheus", "redis", "kafka"}

Object = dict[str, Any]


@cache
def catalog() -> CatalogDocument:
    return parse((ROOT / "platform.yaml").read_text("utf-8"), filename="platform.yaml")


@cache
def rendered(environment: str) -> dict[str, Object]:
    """Path -> object."""
    requests = [one for one in every_request(ROOT) if one.environment == environment]
    return {path: yaml.safe_load(content) for path, content in render_all(requests).items()}


def of_kind(environment: str, *kinds: str) -> list[Object]:
    return [item for item in rendered(environment).values() if item["kind"] in kinds]


def pods(environment: str) -> Iterator[tuple[str, Object]]:
    for item in of_kind(environment, *WORKLOADS):
        yield item["metadata"]["name"], item["spec"]["template"]["spec"]


def configuration(environment: str, namespace: str, name: str) -> Object:
    found = next(
        item
        for item in of_kind(environment, "ConfigMap")
        if (item["metadata"]["namespace"], item["metadata"]["name"]) == (namespace, name)
    )
    return dict(found["data"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_object_stands_in_its_components_namespace(environment: str) -> None:
    place = catalog().environment(environment)
    namespaces = {component.name: namespace_of(component, place) for component in catalog().components}

    for path, item in rendered(environment).items():
        assert item["metadata"].get("namespace") == namespaces[path.split("/")[0]], path


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_place_holder_of_a_base_is_filled_in(environment: str) -> None:
    other = next(name for name in ENVIRONMENTS if name != environment)
    for path, item in rendered(environment).items():
        text = str(item)
        for word in ("hub-environment", "host.environment", "'environment'", f"hub-{other}", f"{other}.example.com"):
            assert word not in text, f"{path}: {word}"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_object_says_what_it_is_part_of(environment: str) -> None:
    for path, item in rendered(environment).items():
        assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == catalog().platform.name, path


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_secret_and_nothing_of_the_whole_cluster_is_rendered(environment: str) -> None:
    assert of_kind(environment, "Secret", "SecretStore", "ClusterSecretStore", "Issuer", "ClusterIssuer") == []
    assert of_kind(environment, "Namespace", "ClusterRole", "ClusterRoleBinding") == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_pod_is_restricted(environment: str) -> None:
    for name, pod in pods(environment):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["serviceAccountName"] != "default", name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"] + pod.get("initContainers", []):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_container_has_probes_and_resources(environment: str) -> None:
    for name, pod in pods(environment):
        for container in pod["containers"]:
            assert {"readinessProbe", "livenessProbe"} <= container.keys(), name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_pods_use_only_what_is_rendered_beside_them(environment: str) -> None:
    """Config maps, service accounts and the secrets that External Secrets or cert-manager make; shards come and go."""
    there = {
        (item["kind"], item["metadata"]["namespace"], item["metadata"]["name"])
        for item in rendered(environment).values()
    }
    secrets = {
        (item["metadata"]["namespace"], item["spec"]["target"]["name"])
        for item in of_kind(environment, "ExternalSecret")
    }
    secrets |= {
        (item["metadata"]["namespace"], item["spec"]["secretName"]) for item in of_kind(environment, "Certificate")
    }

    for workload in of_kind(environment, *WORKLOADS):
        namespace, pod = workload["metadata"]["namespace"], workload["spec"]["template"]["spec"]
        assert ("ServiceAccount", namespace, pod["serviceAccountName"]) in there
        for config_map in filter(is_no_shard, references(pod, "configMap", "configMapRef", "configMapKeyRef")):
            assert ("ConfigMap", namespace, config_map) in there
        for secret in filter(is_no_shard, references(pod, "secret", "secretRef", "secretKeyRef")):
            assert (namespace, secret) in secrets


def is_no_shard(name: str) -> bool:
    return not name.startswith("tenant-credentials-")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_backend_mounts_every_shard_of_tenants_and_waits_for_none(environment: str) -> None:
    credentials = catalog().tenant_credentials
    assert credentials is not None
    backend = next(item for item in of_kind(environment, "Deployment") if item["metadata"]["name"] == "backend")
    pod = backend["spec"]["template"]["spec"]

    volume = next(one for one in pod["volumes"] if one["name"] == "tenant-credentials")
    mount = next(one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "tenant-credentials")

    assert volume == shards.volume(credentials.shards)
    assert mount["readOnly"] is True


def references(value: Any, *kinds: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from references(item, *kinds)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in kinds:
                yield item.get("name") or item["secretName"]
            else:
                yield from references(item, *kinds)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_hub_gets_every_variable_of_the_environment(environment: str) -> None:
    for workload, missing_on_purpose in (("backend", set()), ("orchestrator", {"AI_ORCHESTRATOR_URL"})):
        namespace = f"hub-{environment}"
        pod = dict(pods(environment))[workload]
        sources = pod["containers"][0]["envFrom"]
        plain = configuration(environment, namespace, sources[0]["configMapRef"]["name"])
        external = next(
            item
            for item in of_kind(environment, "ExternalSecret")
            if item["spec"]["target"]["name"] == sources[1]["secretRef"]["name"]
        )
        secret = {entry["secretKey"] for entry in external["spec"]["data"]}

        for variable in catalog().variables:
            if variable.scope == "environment" and variable.key not in missing_on_purpose:
                assert variable.key in (secret if variable.secret else plain), variable.key
                if not variable.secret:
                    assert plain[variable.key] == variable.default


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_pods_with_a_database_check_its_certificate(environment: str) -> None:
    for name in ("backend", "orchestrator"):
        pod = dict(pods(environment))[name]
        config = configuration(
            environment, f"hub-{environment}", pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]
        )

        assert config["PGSSLMODE"] == "verify-full"
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert config["PGSSLROOTCERT"] == f"{mounts['database-ca']}/ca.crt"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_short_names_resolve_from_every_namespace(environment: str) -> None:
    services = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item for item in of_kind(environment, "Service")
    }

    for namespace in {
        namespace_of(component, catalog().environment(environment)) for component in catalog().components
    }:
        assert {name for place, name in services if place == namespace} >= SHORT_NAMES
    for item in services.values():
        if item["spec"].get("type") == "ExternalName":
            name, namespace, *rest = item["spec"]["externalName"].split(".")
            assert rest == ["svc", "cluster", "local"]
            if namespace.startswith("hub-"):  # others are deployed by other manifests
                assert services[namespace, name]["spec"].get("type") != "ExternalName"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_services_find_pods_and_their_ports(environment: str) -> None:
    for service in of_kind(environment, "Service"):
        if service["spec"].get("type") == "ExternalName":
            continue
        wanted = {key: value for key, value in service["spec"]["selector"].items() if "pod-name" not in key}
        templates = [
            item["spec"]["template"]
            for item in of_kind(environment, *WORKLOADS)
            if item["metadata"]["namespace"] == service["metadata"]["namespace"]
        ]
        found = [item for item in templates if wanted.items() <= item["metadata"]["labels"].items()]
        assert len(found) == 1, service["metadata"]["name"]
        ports = {port["name"] for container in found[0]["spec"]["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_production_scales_and_survives_the_loss_of_a_node() -> None:
    scaled = {item["spec"]["scaleTargetRef"]["name"] for item in of_kind("production", "HorizontalPodAutoscaler")}
    budgeted = {
        item["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for item in of_kind("production", "PodDisruptionBudget")
    }

    assert scaled == {"backend", "orchestrator", "frontend"}
    assert budgeted == scaled | {"redis", "kafka", "prometheus", "grafana", "tempo", "loki"}
    for item in of_kind("production", "Deployment"):
        if item["metadata"]["name"] in scaled:
            assert item["spec"]["replicas"] == 3


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_ingress_is_by_tls_only(environment: str) -> None:
    hosts = set()
    for item in of_kind(environment, "Ingress"):
        secured = {host for entry in item["spec"]["tls"] for host in entry["hosts"]}
        assert {rule["host"] for rule in item["spec"]["rules"]} == secured
        hosts |= secured
    assert len(hosts) == 1


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_backends_figures_are_shown_to_nobody_outside(environment: str) -> None:
    """They tell tenants by name; Prometheus asks the Pods themselves."""
    open_paths: set[str] = set()
    shut: set[str] = set()
    for item in of_kind(environment, "Ingress"):
        is_shut = item["metadata"]["annotations"].get(f"{NGINX}/denylist-source-range") == "0.0.0.0/0,::/0"
        found = {path["path"] for rule in item["spec"]["rules"] for path in rule["http"]["paths"]}
        (shut if is_shut else open_paths).update(found)
    assert open_paths == {"/", "/api"}
    jobs = yaml.safe_load((ROOT / "monitoring/prometheus/prometheus.yaml").read_text("utf-8"))["scrape_configs"]
    asked = {job["metrics_path"] for job in jobs if job.get("metrics_path", "").startswith("/api/")}
    assert shut == asked == {"/api/metrics", "/api/hub/metrics"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_rollout_waits_for_an_address_that_many_controllers_never_write(environment: str) -> None:
    for item in of_kind(environment, "Ingress"):
        assert item["metadata"]["annotations"]["argocd.argoproj.io/ignore-healthcheck"] == "true"


def test_environments_share_no_host_and_no_secret_store() -> None:
    def names(environment: str) -> set[str]:
        found = {rule["host"] for item in of_kind(environment, "Ingress") for rule in item["spec"]["rules"]}
        return found | {item["spec"]["secretStoreRef"]["name"] for item in of_kind(environment, "ExternalSecret")}

    assert names("staging") & names("production") == set()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize(
    ("kind", "file"),
    [("ExternalSecret", "external-secrets-externalsecret.yaml"), ("Certificate", "cert-manager-certificates.yaml")],
)
def test_custom_resources_are_valid(environment: str, kind: str, file: str) -> None:
    versions = yaml.load((CRDS / file).read_text("utf-8"), Loader=yaml.CSafeLoader)["spec"]["versions"]
    items = of_kind(environment, kind)

    assert items
    for item in items:
        version = next(entry for entry in versions if entry["name"] == item["apiVersion"].split("/")[1])
        validator = jsonschema_rs.Draft202012Validator(version["schema"]["openAPIV3Schema"])
        assert [error.message for error in validator.iter_errors(item)] == []


def test_no_manifest_holds_a_tenants_name() -> None:
    for folder in ("kubernetes", "monitoring", "argo"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.is_file():
                assert "chat365" not in path.read_text("utf-8").lower(), path
