"""What a workload is told to ask, it may reach; what nobody is told to ask is closed; and the picture shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from script.development import diagram
from script.development.reachability import OUTSIDE, Place, edges, workloads
from tests.docker.test_compose import scrape_targets
from tests.platform.test_manifests import ENVIRONMENTS, ROOT, Object, catalog, rendered

ADDRESS = re.compile(r"(?:^|//)([a-z][a-z-]*)(?:\.[a-z.-]+)?:(\d+)")


@cache
def allowed(environment: str) -> dict[tuple[Place, Place], tuple[int, ...]]:
    return {(edge.source, edge.target): edge.ports for edge in edges(list(rendered(environment).values()))}


def place(environment: str, namespace: str, workload: str) -> Place:
    found = [
        one
        for one in workloads(rendered(environment).values())
        if (one.namespace, one.workload) == (namespace, workload)
    ]
    assert len(found) == 1, workload
    return found[0]


def behind(environment: str, namespace: str, service: str, port: int) -> tuple[Place, int]:
    """The workload behind a Service as a namespace sees it, and the port of its Pods where the Service's leads."""
    objects = rendered(environment).values()
    spec = next(
        item["spec"] for item in objects
        if item["kind"] == "Service" and (item["metadata"]["namespace"], item["metadata"]["name"]) == (namespace, service)
    )  # fmt: skip
    if spec.get("type") == "ExternalName":
        name, elsewhere = spec["externalName"].split(".")[:2]
        return behind(environment, elsewhere, name, port)
    target = next(one["targetPort"] for one in spec["ports"] if one["port"] == port)
    (found,) = [
        one for one in workloads(objects)
        if one.namespace == namespace and {(k, v) for k, v in spec["selector"].items() if "pod-name" not in k} <= set(one.labels)
    ]  # fmt: skip
    numbers = {name: number for number, name in diagram.ports_of(list(objects), found).items()}
    return found, numbers.get(target, target)


def told(environment: str) -> Iterator[tuple[str, str, str, int]]:
    """Workload, its namespace, and the name and port that it is told to ask."""
    for item in rendered(environment).values():
        if item["kind"] not in ("Deployment", "StatefulSet"):
            continue
        namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
        for value in variables(environment, namespace, item["spec"]["template"]["spec"]["containers"][0]):
            if (match := ADDRESS.search(value)) and ".example.com" not in value:
                yield name, namespace, match[1], int(match[2])


def variables(environment: str, namespace: str, container: Object) -> Iterator[str]:
    """What a container's variables say: plain ones as they stand, secret ones as the catalog says that they begin."""
    defaults = {one.key: one.default or "" for one in catalog().variables}
    here = [item for item in rendered(environment).values() if item["metadata"].get("namespace") == namespace]
    maps = {item["metadata"]["name"]: item["data"] for item in here if item["kind"] == "ConfigMap"}
    secrets = {
        item["spec"]["target"]["name"]: item["spec"]["data"] for item in here if item["kind"] == "ExternalSecret"
    }
    for source in container.get("envFrom", ()):
        if "configMapRef" in source:
            yield from maps[source["configMapRef"]["name"]].values()
        else:
            yield from (defaults.get(entry["secretKey"], "") for entry in secrets[source["secretRef"]["name"]])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_whatever_a_workload_is_told_to_ask_it_may_reach(environment: str) -> None:
    asked = set(told(environment))
    assert {("backend", "redis"), ("backend", "kafka"), ("orchestrator", "tempo")} <= {
        (who, whom) for who, _, whom, _ in asked
    }
    closed = []
    for who, namespace, service, port in sorted(asked):
        target, number = behind(environment, namespace, service, port)
        if number not in allowed(environment).get((place(environment, namespace, who), target), ()):
            closed.append(
                f"{who} is told of {service}:{port}, which leads to {number} of {target.workload}: no policy allows it"
            )
    assert closed == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_prometheus_reaches_every_target_and_grafana_every_source(environment: str) -> None:
    home = f"hub-{environment}-monitoring"
    text = (ROOT / "monitoring/prometheus/prometheus.yaml").read_text("utf-8")
    sources = yaml.safe_load((ROOT / "monitoring/grafana/provisioning/datasources/datasources.yaml").read_text("utf-8"))
    asked = [("prometheus", host, port) for host, port in scrape_targets(text) if host != "control-panel"]
    asked += [("grafana", *ADDRESS.search(one["url"]).groups()) for one in sources["datasources"]]
    assert len(asked) > 8
    for who, host, port in asked:
        target, number = behind(environment, home, host, int(port))
        assert number in allowed(environment)[place(environment, home, who), target], (who, host, port)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_is_open_to_everybody(environment: str) -> None:
    """Every workload is denied both ways by default, and only who has providers or a database reaches outside."""
    places = workloads(rendered(environment).values())
    reached = {(source, target) for source, target in allowed(environment)}
    strangers = [place for place in places if all((place, other) in reached for other in places)]
    assert strangers == []
    outside = {source.workload for source, target in reached if target.namespace == OUTSIDE}
    assert outside == {"backend", "orchestrator"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_traces_and_scrapes_cross_namespaces_and_nothing_else_does_but_what_is_needed(environment: str) -> None:
    crossing: dict[str, set[int]] = {}
    for (source, target), ports in allowed(environment).items():
        if source.namespace != target.namespace and source.workload and target.workload:
            crossing.setdefault(target.workload, set()).update(ports)
    assert crossing["tempo"] == {4318, 4319}
    assert crossing["prometheus"] >= {9091}
    assert crossing.keys() == {"tempo", "prometheus", "loki", "backend", "orchestrator", "kafka", "redis"}


def policy(name: str, namespace: str, **spec: Any) -> Object:
    return {
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, **spec},
    }


def workload(namespace: str, name: str) -> Object:
    labels = {"app.kubernetes.io/name": name}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"metadata": {"labels": labels}}},
    }


DENY = {"policyTypes": ["Ingress", "Egress"]}
OF_B = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}}}
OF_SERVER = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "server"}}}
ON_80 = [{"port": 80, "protocol": "TCP"}]
OUT = policy("out", "a", policyTypes=["Egress"], egress=[{"to": [OF_B | OF_SERVER], "ports": ON_80}])
INTO = policy("into", "b", policyTypes=["Ingress"], ingress=[{"from": [{"namespaceSelector": {}}], "ports": ON_80}])


@pytest.mark.parametrize(
    ("policies", "is_open"),
    [
        ([policy("deny", "a", **DENY), policy("deny", "b", **DENY), OUT, INTO], True),
        ([policy("deny", "a", **DENY), policy("deny", "b", **DENY), OUT], False),
        ([policy("deny", "a", **DENY), policy("deny", "b", **DENY), INTO], False),
        ([policy("deny", "a", **DENY), OUT], True),
        ([policy("deny", "b", **DENY), INTO], True),
        ([policy("deny", "a", **DENY), policy("out", "a", policyTypes=["Egress"], egress=[{"to": [OF_SERVER], "ports": ON_80}])], False),
        ([policy("deny", "a", **DENY), policy("out", "a", policyTypes=["Egress"], egress=[{"ports": ON_80}])], True),
    ],
)  # fmt: skip
def test_a_connection_needs_both_sides(policies: list[Object], is_open: bool) -> None:
    found = edges([workload("a", "client"), workload("b", "server"), *policies])
    through = [edge for edge in found if (edge.source.workload, edge.target.workload) == ("client", "server")]

    assert [edge.ports for edge in through] == ([(80,)] if is_open else [])


def test_the_picture_is_todays_and_a_change_of_a_policy_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = diagram.manifests()
    monkeypatch.setattr(diagram, "manifests", lambda: objects)
    monkeypatch.setattr("sys.argv", ["diagram", "--check"])
    assert diagram.main() == 0, "Run script/diagram and commit the picture."

    objects[:] = [item for item in objects if item["metadata"]["name"] != "frontend-visitors"]
    objects[:] = [
        item for item in objects if not (item["kind"] == "NetworkPolicy" and "tempo" in item["metadata"]["name"])
    ]
    assert diagram.main() == 1


def test_the_picture_names_every_workload_and_port_of_the_platform() -> None:
    text = diagram.PICTURE.read_text("utf-8")
    for words in ("backend", "4000 http", "orchestrator", "8080 http", "frontend", "3000 http", "9090 http", "9091 push",
                  "4318 otlp-http", "4319 otlp-grpc", "3100 http", "9093"):  # fmt: skip
        assert f">{words}" in text, words
    assert "prefers-color-scheme: dark" in text
    assert "<script" not in text
