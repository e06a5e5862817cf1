"""Breaking any line that a policy protects, in any object of the reference platform, is found."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from deployments.policies import Manifests, policies
from script.development.paths import ROOT
from script.development.policies import manifests

ENVIRONMENTS = ("staging", "production")
GONE = object()
Object = dict[str, Any]
Break = tuple[str, tuple[Any, ...], Any]
"""The policy that must find it, the way to the line, and what stands there instead (`GONE`: nothing)."""

WORKLOADS = ("Deployment", "StatefulSet")
OF_PODS: tuple[Break, ...] = (
    ("restricted-pods", ("securityContext", "runAsNonRoot"), False),
    ("restricted-pods", ("securityContext", "seccompProfile", "type"), "Unconfined"),
    ("restricted-pods", ("automountServiceAccountToken",), True),
    ("restricted-pods", ("serviceAccountName",), "default"),
    ("restricted-pods", ("hostNetwork",), True),
    ("variables", ("serviceAccountName",), "nobody"),
)
OF_CONTAINERS: tuple[Break, ...] = (
    ("restricted-pods", ("securityContext", "allowPrivilegeEscalation"), True),
    ("restricted-pods", ("securityContext", "readOnlyRootFilesystem"), False),
    ("restricted-pods", ("securityContext", "capabilities", "drop"), []),
    ("restricted-pods", ("securityContext", "privileged"), True),
    ("workloads", ("resources", "requests", "cpu"), GONE),
    ("workloads", ("resources", "requests", "memory"), GONE),
    ("workloads", ("resources", "limits", "memory"), GONE),
    ("image-digests", ("image",), "registry.example.com/hub/any:latest"),
)
OF_KINDS: dict[str, tuple[Break, ...]] = {
    "HorizontalPodAutoscaler": (
        ("autoscaling", ("spec", "scaleTargetRef", "name"), "other"),
        ("autoscaling", ("spec", "minReplicas"), 1),
        ("autoscaling", ("spec", "maxReplicas"), 2),
        ("autoscaling", ("spec", "metrics"), GONE),
    ),
    "PodDisruptionBudget": (
        ("disruption", ("spec", "maxUnavailable"), 0),
        ("disruption", ("spec", "selector", "matchLabels"), {"app.kubernetes.io/name": "other"}),
        ("disruption", (), GONE),
    ),
    "Ingress": (
        ("tls", ("spec", "tls"), GONE),
        ("tls", ("spec", "tls", 0, "secretName"), "other"),
        ("tls", ("spec", "tls", 0, "hosts"), ["other.example.com"]),
        ("tls", ("metadata", "annotations", "nginx.ingress.kubernetes.io/force-ssl-redirect"), "false"),
        ("network", ("spec", "rules", 0, "http", "paths", 0, "backend", "service", "name"), "other"),
    ),
    "Certificate": (("tls", ("spec", "issuerRef", "name"), ""), ("variables", ("spec", "secretName"), "other")),
    "ServiceAccount": (("restricted-pods", ("automountServiceAccountToken",), True), ("variables", (), GONE)),
    "ExternalSecret": (("variables", ("spec", "target", "name"), "other"), ("variables", (), GONE)),
    "ConfigMap": (("variables", (), GONE),),
    "NetworkPolicy": (("network", ("spec", "podSelector"), {"matchLabels": {"app.kubernetes.io/name": "other"}}),),
}
ADDRESS = re.compile(r"((?:\w+://)?)(?P<host>[a-z-]+):(\d+)((?:/\S*)?)")
WITHOUT_PODS = ("prometheus-environment", "prometheus-panel", "prometheus-alerts")
"""An optional Secret; and doors for and to somebody whose own manifests are elsewhere."""


@cache
def platform(environment: str) -> Manifests:
    return dict(manifests(ROOT))[environment]


def breaks(path: str, item: Object) -> Iterator[Break]:
    """Every line of an object that a policy protects."""
    kind, name = str(item["kind"]), item["metadata"]["name"]
    if name in WITHOUT_PODS:
        return
    if kind in (*WORKLOADS, "Job"):
        yield from _of_workload(item)
    elif kind == "Service":
        yield from _of_service(item)
    elif name == "hub" and kind == "Certificate":
        yield from (
            ("tls", steps, value) for steps, value in ((("spec", "secretName"), "x"), (("spec", "dnsNames"), ["x"]))
        )
    else:
        yield from OF_KINDS.get(kind, ())
    if kind == "NetworkPolicy":
        yield from _of_network(item)
    if kind == "ConfigMap":
        for key, value in item.get("data", {}).items():
            if ADDRESS.fullmatch(value):
                yield "addresses", ("data", key), ADDRESS.sub(r"\g<1>other:\g<3>\g<4>", value)
                yield "addresses", ("data", key), ADDRESS.sub(r"\g<1>\g<host>:1\g<4>", value)
    if kind == "ConfigMap" and "PGSSLMODE" in item.get("data", {}):
        yield "database-tls", ("data", "PGSSLMODE"), "require"
        yield "database-tls", ("data", "PGSSLROOTCERT"), "/nowhere/ca.crt"
        yield "tls", ("data", "AI_ORCHESTRATOR_URL"), "http://orchestrator.example.com"


def _of_workload(item: Object) -> Iterator[Break]:
    pod: tuple[Any, ...] = ("spec", "template", "spec")
    spec = item["spec"]["template"]["spec"]
    yield from ((policy, (*pod, *steps), value) for policy, steps, value in OF_PODS)
    mounted = [mount["name"] for one in spec["containers"] for mount in one.get("volumeMounts", ())]
    for index, container in enumerate(spec["containers"]):
        here = (*pod, "containers", index)
        yield from ((policy, (*here, *steps), value) for policy, steps, value in OF_CONTAINERS)
        if item["kind"] != "Job":
            for probe in ("readinessProbe", "livenessProbe"):
                yield "workloads", (*here, probe), GONE
                yield "workloads", (*here, probe), {"periodSeconds": 5}
                yield "workloads", (*here, probe), {"tcpSocket": {"port": "other"}}
        yield from (
            ("workloads", (*here, "volumeMounts", place), GONE)
            for place, mount in enumerate(container.get("volumeMounts", ()))
            if sum(mount["name"] == other for other in mounted) == 1
        )
        for place, source in enumerate(container.get("envFrom", ())):
            yield "variables", (*here, "envFrom", place, next(iter(source)), "name"), "other"
        for place, entry in enumerate(container.get("env", ())):
            for kind in entry.get("valueFrom", ()):
                yield "variables", (*here, "env", place, "valueFrom", kind, "name"), "other"
                yield "variables", (*here, "env", place, "valueFrom", kind, "key"), "other"
    for place, volume in enumerate(spec["volumes"]):
        yield "workloads", (*pod, "volumes", place), GONE
        for kind, field in (("configMap", "name"), ("secret", "secretName")):
            if kind in volume and not volume[kind].get("optional"):
                yield "variables", (*pod, "volumes", place, kind, field), "other"
    if item["kind"] != "Job" and item["spec"]["replicas"] > 1:
        yield "workloads", (*pod, "topologySpreadConstraints"), GONE


def _of_service(item: Object) -> Iterator[Break]:
    if item["spec"].get("type") == "ExternalName":
        if ".hub-" in item["spec"]["externalName"]:
            yield "scrape-targets", ("spec", "externalName"), item["spec"]["externalName"].replace(".", "-other.", 1)
        return
    yield "scrape-targets", ("spec", "selector", "app.kubernetes.io/name"), "other"
    for index in range(len(item["spec"]["ports"])):
        yield "scrape-targets", ("spec", "ports", index, "targetPort"), "other"


def _of_network(item: Object) -> Iterator[Break]:
    """Every port and every peer between pods of ours, and the types that make rules count."""
    yield "network", ("spec", "policyTypes"), []
    if item["metadata"]["name"] in ("default-deny", "allow-dns"):
        yield "network", (), GONE
        if item["spec"].get("egress"):
            yield from (("network", ("spec", "egress", 0, "ports", index), GONE) for index in (0, 1))
        return
    for direction, word in (("ingress", "from"), ("egress", "to")):
        for place, rule in enumerate(item["spec"].get(direction, ())):
            here = ("spec", direction, place)
            yield "network", (*here, "ports"), GONE
            yield "network", (*here, word), GONE
            for number, peer in enumerate(rule[word]):
                yield "network", (*here, word, number), {}
                yield "network", (*here, word, number), {"namespaceSelector": {}}
                if "podSelector" in peer:
                    yield "network", (*here, word, number, "podSelector"), {"matchLabels": {"app": "other"}}
            if all("podSelector" in peer for peer in rule[word]):
                for number in range(len(rule["ports"])):
                    yield "network", (*here, "ports", number, "port"), 1


def broken(held: Manifests, path: str, steps: tuple[Any, ...], value: Any) -> Manifests:
    """The same platform with one line broken."""
    objects = dict(held.objects)
    if not steps:
        del objects[path]
        return Manifests(objects, held.variables, held.tenants)
    item: Any = copy.deepcopy(objects[path])
    objects[path] = item
    for step in steps[:-1]:
        item = item.setdefault(step, {}) if isinstance(item, dict) else item[step]
    if value is GONE:
        del item[steps[-1]]
    else:
        item[steps[-1]] = value
    return Manifests(objects, held.variables, held.tenants)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_policy_holds(environment: str) -> None:
    for name in policies:
        assert list(policies[name].judge(platform(environment))) == [], name


@pytest.mark.parametrize("policy", [name for name in policies if name not in ("literal-secrets", "tenant-names")])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_breaking_any_protected_line_is_found(environment: str, policy: str) -> None:
    held, tried, missed = platform(environment), 0, []
    for path, item in held.objects.items():
        for name, steps, value in breaks(path, dict(item)):
            if name == policy:
                tried += 1
                if not any(policies[policy].judge(broken(held, path, steps, value))):
                    missed.append(f"{path}: {'.'.join(map(str, steps)) or 'the object'}")
    assert missed == []
    assert tried >= 4, "the table protects next to nothing of this policy"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_breaking_any_scrape_target_is_found(environment: str) -> None:
    held = platform(environment)
    path = next(path for path in held.objects if "/ConfigMap-prometheus-config-" in path)
    text = held.objects[path]["data"]["prometheus.yaml"]
    document = yaml.safe_load(text)
    for job in document["scrape_configs"]:
        for group in (*job.get("static_configs", ()), *job.get("dns_sd_configs", ())):
            field = "targets" if "targets" in group else "names"
            for index, target in enumerate(group[field]):
                if "control-panel" in target:
                    continue
                for other in (f"other-{target}", f"{target}9" if ":" in target else f"{target}-other"):
                    kept, group[field][index] = group[field][index], other
                    change = broken(held, path, ("data", "prometheus.yaml"), yaml.safe_dump(document))
                    assert any(policies["scrape-targets"].judge(change)), other
                    group[field][index] = kept


def test_a_tenants_name_is_found_in_any_object() -> None:
    held = platform("production")
    for path in held.objects:
        alone = Manifests({path: held.objects[path]}, tenants=held.tenants)
        change = broken(alone, path, ("metadata", "labels", "tenant"), "chat365")
        assert any(policies["tenant-names"].judge(change)), path


def test_a_required_variable_that_no_manifest_gives_any_more_is_found() -> None:
    held = platform("production")
    for variable in held.variables:
        objects = {path: _without(copy.deepcopy(item), variable) for path, item in held.objects.items()}
        found = list(policies["variables"].judge(Manifests(objects, held.variables)))
        assert any(item["metadata"]["name"] == variable for item, _, _ in found), variable


def _without(item: Any, variable: str) -> Any:
    if item.get("kind") == "ConfigMap":
        item["data"].pop(variable, None)
    if item.get("kind") == "ExternalSecret":
        item["spec"]["data"] = [entry for entry in item["spec"]["data"] if entry["secretKey"] != variable]
    return item


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_way_between_our_pods_that_is_shut_is_found(environment: str) -> None:
    """Every rule of every NetworkPolicy that is needed inside; Grafana's sources stand in a file, which another test follows."""
    held, missed = platform(environment), []
    for path, item in held.objects.items():
        if item["kind"] != "NetworkPolicy" or item["metadata"]["name"] == "grafana-sources":
            continue
        for direction, word in (("ingress", "from"), ("egress", "to")):
            for place, rule in enumerate(item["spec"].get(direction, ())):
                inside = any("hub-" in str(peer) or peer.keys() == {"podSelector"} for peer in rule[word])
                change = broken(held, path, ("spec", direction, place), GONE)
                if inside and not any(any(policies[name].judge(change)) for name in ("network", "addresses")):
                    missed.append(f"{path}: {direction} {place}")
    assert missed == []
