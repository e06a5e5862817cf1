"""What keeps the platform running once it is there: time to start, room to grow, certificates that last, objects that do not collide."""

from __future__ import annotations

import copy
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.platform import test_control_panel as panel
from tests.platform.test_manifests import ENVIRONMENTS, ROOT, Object, configuration, of_kind, rendered

PANELS = panel.OVERLAYS
ENDING = ("startupProbe", "livenessProbe")
"""Probes whose failure ends a container."""

UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "mb": 2**20, "gb": 2**30}
"""As Kubernetes, Redis and Prometheus count."""


def workloads() -> Iterator[tuple[str, Object]]:
    """Where it runs and its manifest: every Deployment, StatefulSet and Job of the platform and of the panel."""
    kinds = ("Deployment", "StatefulSet", "Job")
    for environment in ENVIRONMENTS:
        yield from ((f"{environment}: {item['metadata']['name']}", item) for item in of_kind(environment, *kinds))
    for overlay in PANELS:
        yield from ((f"panel {overlay}: {name}", item) for kind in kinds for name, item in panel.named(overlay, kind).items())  # fmt: skip


def in_bytes(quantity: str) -> int:
    found = re.fullmatch(r"(\d+)(\w\w)", quantity)
    assert found
    return int(found[1]) * UNITS[found[2]]


def hours(duration: str) -> int:
    return int(duration.removesuffix("h"))


def test_every_container_is_bounded_in_cpu_and_memory() -> None:
    for where, item in workloads():
        pod = item["spec"]["template"]["spec"]
        for container in pod["containers"] + pod.get("initContainers", []):
            for bound in ("requests", "limits"):
                assert container["resources"][bound].keys() == {"cpu", "memory"}, (where, container["name"], bound)


def test_no_service_of_the_namespace_reaches_a_pod_as_a_variable() -> None:
    """`LOKI_PORT=tcp://…` of a Service `loki` would be taken for a setting, and each Service added changes every pod."""
    for where, item in workloads():
        assert item["spec"]["template"]["spec"]["enableServiceLinks"] is False, where


def test_what_reads_its_disk_before_it_answers_has_a_quarter_of_an_hour_for_it() -> None:
    """A probe that ends it earlier ends it each time again, since each time it begins anew."""
    for environment in ENVIRONMENTS:
        for item in of_kind(environment, "StatefulSet"):
            probe = item["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
            assert probe["periodSeconds"] * probe["failureThreshold"] >= 900, item["metadata"]["name"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_redis_is_full_before_its_node_kills_it(environment: str) -> None:
    redis = next(item for item in of_kind(environment, "StatefulSet") if item["metadata"]["name"] == "redis")
    container = redis["spec"]["template"]["spec"]["containers"][0]
    most = next(entry["value"] for entry in container["env"] if entry["name"] == "MAXMEMORY")
    assert 0.5 <= in_bytes(most) / in_bytes(container["resources"]["limits"]["memory"]) <= 0.7
    assert 'echo "maxmemory $MAXMEMORY"' in (ROOT / "kubernetes/platform/redis/files/start-redis.sh").read_text()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_certificate_that_is_read_at_the_start_lasts_for_half_a_year_after_its_renewal(environment: str) -> None:
    for item in of_kind(environment, "Certificate"):
        if item["spec"]["issuerRef"]["name"] == "platform-ca":
            assert hours(item["spec"]["renewBefore"]) >= 180 * 24, item["metadata"]["name"]
            assert hours(item["spec"]["duration"]) >= 2 * hours(item["spec"]["renewBefore"]), item["metadata"]["name"]


def test_no_rollout_waits_for_what_says_nothing_about_it() -> None:
    everything = [item for environment in ENVIRONMENTS for item in rendered(environment).values()]
    everything += [item for overlay in PANELS for item in panel.rendered(overlay)]
    for item in everything:
        if item["kind"] in ("Ingress", "HorizontalPodAutoscaler"):
            assert item["metadata"]["annotations"]["argocd.argoproj.io/ignore-healthcheck"] == "true", item["metadata"]


def test_all_overlays_can_stand_in_one_cluster() -> None:
    """Two that make the same object would undo each other; a Job that is there cannot even be changed."""
    made: dict[tuple[str, str, str], Any] = {}
    for item in everything():
        identity = (item["kind"], item["metadata"].get("namespace", "argocd"), item["metadata"]["name"])
        assert made.setdefault(identity, item) == item, identity


def everything() -> Iterator[Object]:
    for environment in ENVIRONMENTS:
        yield from rendered(environment).values()
        for path in sorted((ROOT / "argo/overlays" / environment).glob("*.yaml")):
            for item in yaml.load_all(path.read_text("utf-8"), Loader=yaml.CSafeLoader):
                if item["kind"] != "Kustomization":
                    yield item
    for overlay in PANELS:
        yield from panel.rendered(overlay)


def test_a_probe_asks_a_port_that_its_container_has() -> None:
    for where, item in workloads():
        for container in item["spec"]["template"]["spec"]["containers"]:
            names = {port["name"] for port in container.get("ports", ())}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                for how in ("httpGet", "tcpSocket"):
                    if how in container.get(kind, {}):
                        assert container[kind][how]["port"] in names, (where, container["name"], kind)


def test_no_pod_writes_where_it_may_not() -> None:
    """Each container whose image writes has scratch of its own; each mount stands for a volume, in one place only."""
    for where, item in workloads():
        pod = item["spec"]["template"]["spec"]
        claims = {claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", ())}
        volumes = [volume["name"] for volume in pod.get("volumes", ())]
        assert len(volumes) == len(set(volumes)), where
        for container in pod["containers"] + pod.get("initContainers", []):
            mounts = container.get("volumeMounts", [])
            assert {mount["name"] for mount in mounts} <= {*volumes, *claims}, (where, container["name"])
            assert len({mount["mountPath"] for mount in mounts}) == len(mounts), (where, container["name"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_portal_may_keep_pages_and_pictures_on_a_disk_that_is_read_only(environment: str) -> None:
    """Next.js writes below its own folder, and says so at each page where it cannot."""
    frontend = next(item for item in of_kind(environment, "Deployment") if item["metadata"]["name"] == "frontend")
    pod = frontend["spec"]["template"]["spec"]
    mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert "sizeLimit" in volumes[mounts["/app/.next/cache"]]["emptyDir"]


def refused(item: Object) -> list[str]:
    """What the API server says against a workload or a ConfigMap beyond its schema."""
    if item["kind"] == "ConfigMap":  # `kubectl apply` keeps a copy of it in an annotation
        return ["too long"] if sum(map(len, item["data"].values())) > 200_000 else []
    template = item["spec"]["template"]
    labels, pod = template["metadata"]["labels"], template["spec"]
    said = []
    if not item["spec"].get("selector", {}).get("matchLabels", {}).items() <= labels.items():
        said.append("`selector` does not match template `labels`")
    said += ["a spread that counts other pods" for one in pod.get("topologySpreadConstraints", ())
             if not one["labelSelector"]["matchLabels"].items() <= labels.items()]  # fmt: skip
    ports = [port for container in pod["containers"] for port in container.get("ports", ())]
    said += ["port's name is too long" for port in ports if len(port["name"]) > 15]
    if len({port["name"] for port in ports}) < len(ports) or len({port["containerPort"] for port in ports}) < len(
        ports
    ):
        said.append("two ports are one")
    return said


def test_nothing_is_rendered_that_only_the_api_server_would_refuse() -> None:
    found = [item for item in everything() if item["kind"] in ("Deployment", "StatefulSet", "Job", "ConfigMap")]
    assert [(item["metadata"]["name"], refused(item)) for item in found if refused(item)] == []


@pytest.mark.parametrize(
    ("steps", "value", "said"),
    [
        (("spec", "selector", "matchLabels"), {"app": "x"}, "`selector`"),
        (("spec", "template", "spec", "topologySpreadConstraints", 0, "labelSelector", "matchLabels"), {"app": "x"}, "other pods"),
        (("spec", "template", "spec", "containers", 0, "ports", 0, "name"), "a-name-of-sixteen", "too long"),
        (("spec", "template", "spec", "containers", 1, "ports", 0, "containerPort"), 6380, "two ports"),
    ],
)  # fmt: skip
def test_what_the_api_server_would_refuse_is_seen(steps: tuple[Any, ...], value: Any, said: str) -> None:
    item = copy.deepcopy(next(one for one in of_kind("staging", "StatefulSet") if one["metadata"]["name"] == "redis"))
    place: Any = item
    for step in steps[:-1]:
        place = place[step]
    place[steps[-1]] = value
    assert any(said in one for one in refused(item))


def test_no_pod_is_restarted_for_what_its_readiness_asks() -> None:
    """Readiness may depend on Redis or the database; an outage there would restart every pod of the platform at once."""
    for where, item in workloads():
        for container in item["spec"]["template"]["spec"]["containers"]:
            asked = {kind: container.get(kind, {}).get("httpGet", {}).get("path") for kind in ENDING}
            ready = container.get("readinessProbe", {}).get("httpGet", {}).get("path")
            assert ready is None or ready != asked["livenessProbe"], (where, container["name"])
            if item["metadata"]["name"] in ("backend", "orchestrator", "frontend"):
                assert ready != asked["startupProbe"], (where, container["name"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_next_node_is_taken_when_the_last_has_been_there_for_a_minute(environment: str) -> None:
    """Replicas follow and Sentinels agree anew before another one goes."""
    for item in of_kind(environment, "StatefulSet"):
        if item["spec"]["replicas"] > 1:
            assert item["spec"]["minReadySeconds"] == 60, item["metadata"]["name"]


def asked_of_redis(directory: Path, probe: str, answer: str) -> bool:
    """Whether a probe of Redis passes where `redis-cli` prints this."""
    redis = next(item for item in of_kind("staging", "StatefulSet") if item["metadata"]["name"] == "redis")
    command = redis["spec"]["template"]["spec"]["containers"][0][probe]["exec"]["command"]
    (directory / "answer").write_text(answer, newline="")
    client = directory / "redis-cli"
    client.write_text(f'#!/bin/sh\ncase "$*" in *" ping" | *" info replication") cat {directory}/answer ;; esac\n')
    client.chmod(0o755)
    return subprocess.run(command, env={"PATH": f"{directory}:/usr/bin:/bin"}).returncode == 0


@pytest.mark.parametrize(
    ("replication", "is_ready"),
    [
        ("role:master\r\nconnected_slaves:2\r\n", True),
        ("role:slave\r\nmaster_link_status:up\r\nmaster_sync_in_progress:0\r\n", True),
        ("role:slave\r\nmaster_link_status:down\r\nmaster_sync_in_progress:1\r\n", False),
        ("LOADING Redis is loading the dataset in memory\n", False),
        ("", False),
    ],
)
def test_a_node_of_redis_is_ready_as_primary_or_when_it_follows_one(
    tmp_path: Path, replication: str, is_ready: bool
) -> None:
    assert asked_of_redis(tmp_path, "readinessProbe", replication) is is_ready


@pytest.mark.parametrize("probe", ENDING)
@pytest.mark.parametrize(
    ("answer", "lives"),
    [("PONG\n", True), ("LOADING Redis is loading the dataset in memory\n", True), ("", False), ("ERR\n", False)],
)
def test_a_node_of_redis_that_reads_its_data_is_not_ended(tmp_path: Path, probe: str, answer: str, lives: bool) -> None:
    assert asked_of_redis(tmp_path, probe, answer) is lives


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_prometheus_fills_most_of_its_disk_and_never_all_of_it(environment: str) -> None:
    """Beside what it keeps stand its log and blocks that are being merged."""
    prometheus = next(item for item in of_kind(environment, "StatefulSet") if item["metadata"]["name"] == "prometheus")
    container = prometheus["spec"]["template"]["spec"]["containers"][0]
    told = configuration(environment, f"hub-{environment}-monitoring", container["envFrom"][0]["configMapRef"]["name"])
    name = "--storage.tsdb.retention.size="
    size = next(one.removeprefix(name) for one in container["args"] if one.startswith(name))
    disk = prometheus["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
    kept = re.sub(r"\$\((\w+)\)", lambda found: told[found[1]], size).lower()
    assert 0.7 <= in_bytes(kept) / in_bytes(disk) <= 0.8


def test_prometheus_starts_anew_with_each_change_and_has_no_alert_about_reading_again() -> None:
    """The names of its ConfigMaps carry their content; so it never reads one again, and none can be refused while it runs."""
    prometheus = next(item for item in of_kind("staging", "StatefulSet") if item["metadata"]["name"] == "prometheus")
    maps = [volume["configMap"]["name"] for volume in prometheus["spec"]["template"]["spec"]["volumes"] if "configMap" in volume]  # fmt: skip
    assert len(maps) == 2
    assert all(re.fullmatch(r"prometheus-(config|rules)-[a-z0-9]{10}", name) for name in maps)
    assert "reload" not in (ROOT / "monitoring/prometheus/rules/observability.yaml").read_text("utf-8")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_alerts_reach_the_alertmanager_that_the_environment_names(environment: str) -> None:
    place = yaml.safe_load((ROOT / f"kubernetes/environments/{environment}/environment.yaml").read_text("utf-8"))
    address = place["data"]["alertmanager"]
    read = yaml.safe_load((ROOT / "monitoring/prometheus/prometheus.yaml").read_text("utf-8"))
    (found,) = read["alerting"]["alertmanagers"][0]["dns_sd_configs"]
    services = {item["metadata"]["name"]: item["spec"] for item in of_kind(environment, "Service")}
    assert [services[name]["externalName"] for name in found["names"]] == [address]

    policy = next(item["spec"] for item in of_kind(environment, "NetworkPolicy") if item["metadata"]["name"] == "prometheus-alerts")  # fmt: skip
    (rule,) = policy["egress"]
    assert [port["port"] for port in rule["ports"]] == [found["port"]]
    namespace = rule["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    assert address.split(".")[1] == namespace


def test_a_host_can_be_proved_by_http_where_its_certificate_is_asked_for() -> None:
    """cert-manager's solver is a Pod in the certificate's namespace, which the ingress controller asks on 8089."""
    everywhere = list(everything())
    public = [item for item in everywhere if item["kind"] == "Certificate" and item["spec"]["issuerRef"]["name"] == "letsencrypt"]  # fmt: skip
    public += [item for item in everywhere if "cert-manager.io/cluster-issuer" in item["metadata"].get("annotations", {})]  # fmt: skip
    assert {item["metadata"]["namespace"] for item in public} == {"hub-staging", "hub-production", "control-panel", "control-panel-staging"}  # fmt: skip
    for item in public:
        (spec,) = [
            one["spec"] for one in everywhere
            if one["kind"] == "NetworkPolicy" and one["metadata"]["namespace"] == item["metadata"]["namespace"]
            and one["spec"]["podSelector"] == {"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}
        ]  # fmt: skip
        (rule,) = spec["ingress"]
        assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}]  # fmt: skip
        assert [port["port"] for port in rule["ports"]] == [8089]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_quorum_gives_up_no_second_node_that_is_unwell(environment: str) -> None:
    """`AlwaysAllow` would let a drain take a node that catches up while another one is away."""
    kept = {
        item["metadata"]["name"]: item["spec"]["unhealthyPodEvictionPolicy"]
        for item in of_kind(environment, "PodDisruptionBudget")
    }
    assert {name for name, policy in kept.items() if policy == "IfHealthyBudget"} == {"redis", "kafka"}


def test_who_is_asked_goes_on_answering_until_everybody_has_heard_that_it_goes() -> None:
    """A Pod leaves its Service at the moment when it is told to end; nodes hear of it later."""
    waits = {
        container["name"]: container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        for _, item in workloads()
        for container in item["spec"]["template"]["spec"]["containers"]
    }
    assert {name for name, seconds in waits.items() if seconds >= 5} == {"backend", "orchestrator", "frontend", "proxy", "web"}  # fmt: skip
