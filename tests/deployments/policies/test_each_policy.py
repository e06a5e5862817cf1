"""Each policy passes what is right and finds what is not, with object, rule and fix."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.policies import Manifests, judge, policies
from tests.credentials import drawn
from tests.deployments.policies.platform import Object, judged, objects

API, PROMETHEUS = "shop/shop/Deployment-api.yaml", "shop/shop/Deployment-prometheus.yaml"


def at(held: dict[str, Object], path: str, *steps: Any) -> Any:
    """What stands at the end of some steps in an object."""
    value: Any = held[f"shop/shop/{path}.yaml"]
    for step in steps:
        value = value[step]
    return value


def put(path: str, *steps: Any, value: Any) -> Callable[[dict[str, Object]], None]:
    def change(held: dict[str, Object]) -> None:
        at(held, path, *steps[:-1])[steps[-1]] = value

    return change


def cut(path: str, *steps: Any) -> Callable[[dict[str, Object]], None]:
    def change(held: dict[str, Object]) -> None:
        if steps:
            del at(held, path, *steps[:-1])[steps[-1]]
        else:
            del held[f"shop/shop/{path}.yaml"]

    return change


POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
D, P = "Deployment-api", "Deployment-prometheus"
BROKEN = [
    ("addresses", "Deployment shop/api", "no Service shop/nobody", put("ConfigMap-api", "data", "METRICS", value="http://nobody:9091")),
    ("addresses", "Deployment shop/api", "no Service shop/nobody", put("ConfigMap-api", "data", "METRICS", value="one.example.com:1,nobody.shop.svc:9091")),
    ("addresses", "Deployment shop/api", "no Service shop/nobody", put("Service-short-prometheus", "spec", "externalName", value="nobody.shop.svc.cluster.local")),
    ("addresses", "Deployment shop/api", "has no port 9090", put("ConfigMap-api", "data", "METRICS", value="prometheus:9090")),
    ("addresses", "Deployment shop/api", "reach shop/prometheus at 9090", cut("NetworkPolicy-pushing")),
    ("addresses", "Deployment shop/api", "reach shop/prometheus at 9090", cut("NetworkPolicy-prometheus-pushed")),
    ("autoscaling", "Deployment shop/api", "runs 2 times", cut("HorizontalPodAutoscaler-api")),
    ("autoscaling", "HorizontalPodAutoscaler shop/api", "scales Deployment other", put("HorizontalPodAutoscaler-api", "spec", "scaleTargetRef", "name", value="other")),
    ("autoscaling", "HorizontalPodAutoscaler shop/api", "down to one", put("HorizontalPodAutoscaler-api", "spec", "minReplicas", value=1)),
    ("autoscaling", "HorizontalPodAutoscaler shop/api", "cannot scale", put("HorizontalPodAutoscaler-api", "spec", "maxReplicas", value=2)),
    ("autoscaling", "HorizontalPodAutoscaler shop/api", "no metric", cut("HorizontalPodAutoscaler-api", "spec", "metrics")),
    ("disruption", "Deployment shop/api", "no PodDisruptionBudget", cut("PodDisruptionBudget-api")),
    ("disruption", "PodDisruptionBudget shop/api", "no pod go", put("PodDisruptionBudget-api", "spec", "maxUnavailable", value=0)),
    ("disruption", "PodDisruptionBudget shop/api", "no pod go", put("PodDisruptionBudget-api", "spec", value={"minAvailable": 2, "selector": {"matchLabels": {"app": "api"}}})),
    ("disruption", "PodDisruptionBudget shop/api", "selects no pods", put("PodDisruptionBudget-api", "spec", "selector", "matchLabels", "app", value="x")),
    ("tls", "Ingress shop/api", "without a certificate", cut("Ingress-api", "spec", "tls")),
    ("tls", "Ingress shop/api", "No Certificate", cut("Ingress-api", "metadata", "annotations")),
    ("tls", "Ingress shop/pages", "No Certificate", put("Certificate-pages", "spec", "dnsNames", value=["x.example.com"])),
    ("tls", "Ingress shop/pages", "No Certificate", put("Certificate-pages", "spec", "secretName", value="x")),
    ("tls", "Ingress shop/api", "every host", put("Ingress-api", "spec", "rules", value=[])),
    ("tls", "Certificate shop/pages", "no issuer", cut("Certificate-pages", "spec", "issuerRef")),
    ("tls", "ConfigMap shop/api", "without TLS (http", put("ConfigMap-api", "data", "PUBLIC_URL", value="http://shop.example.com")),
    ("tls", "ConfigMap shop/api", "without TLS (redis", put("ConfigMap-api", "data", "REDIS_HOST", value="redis://redis:6379")),
    ("network", "Namespace shop", "denies nothing", cut("NetworkPolicy-default-deny")),
    ("network", "Namespace shop", "denies nothing", put("NetworkPolicy-default-deny", "spec", "policyTypes", value=["Ingress"])),
    ("network", "Namespace shop", "denies nothing", put("NetworkPolicy-default-deny", "spec", "egress", value=[{}])),
    ("network", "Namespace shop", "look up names", cut("NetworkPolicy-names")),
    ("network", "Ingress shop/api", "lets its controller in", cut("NetworkPolicy-api-ingress", "spec", "ingress", 0, "from", 1)),
    ("network", "Ingress shop/api", "has no pods of ours", put("Ingress-api", "spec", "rules", 0, "http", "paths", 0, "backend", "service", "name", value="x")),
    ("network", "NetworkPolicy shop/prometheus-egress", "no policy lets in", put("NetworkPolicy-api-ingress", "spec", "ingress", 0, "from", 0, "podSelector", "matchLabels", "app", value="api")),
    ("network", "NetworkPolicy shop/api-ingress", "no policy lets out", cut("NetworkPolicy-prometheus-egress")),
    ("network", "NetworkPolicy shop/api-ingress", "selects no pods", put("NetworkPolicy-api-ingress", "spec", "podSelector", "matchLabels", "app", value="x")),
    ("network", "NetworkPolicy shop/api-ingress", "does not say so", put("NetworkPolicy-api-ingress", "spec", "policyTypes", value=["Egress"])),
    ("network", "NetworkPolicy shop/api-ingress", "every port", cut("NetworkPolicy-api-ingress", "spec", "ingress", 0, "ports")),
    ("network", "NetworkPolicy shop/api-ingress", "everywhere", cut("NetworkPolicy-api-ingress", "spec", "ingress", 0, "from")),
    ("network", "NetworkPolicy shop/api-ingress", "not there", put("NetworkPolicy-api-ingress", "spec", "ingress", 0, "from", 0, "podSelector", "matchLabels", "app", value="x")),
    ("network", "Service shop/api", "lets anybody in", put("NetworkPolicy-api-ingress", "spec", "ingress", 0, "ports", 0, "port", value=4001)),
    ("network", "Namespace shop", "look up names", cut("NetworkPolicy-names", "spec", "egress", 0, "ports", 1)),
    ("network", "NetworkPolicy shop/api-ingress", "any namespace", put("NetworkPolicy-api-ingress", "spec", "ingress", 0, "from", 1, value={"namespaceSelector": {}})),
    ("network", "NetworkPolicy shop/api-ingress", "any namespace", put("NetworkPolicy-api-ingress", "spec", "ingress", 0, "from", 1, value={})),
    ("network", "NetworkPolicy shop/solver", "any namespace", put("NetworkPolicy-solver", "spec", "ingress", 0, "from", 0, value={})),
    ("network", "NetworkPolicy shop/solver", "selects no pods", put("NetworkPolicy-solver", "spec", "podSelector", "matchLabels", value={"app": "x"})),
    ("network", "NetworkPolicy shop/solver", "which is no port", put("NetworkPolicy-solver", "spec", "ingress", 0, "ports", 0, "port", value=80)),
    ("restricted-pods", "Deployment shop/api", "shares the node", put(D, *POD, "hostNetwork", value=True)),
    ("restricted-pods", "Deployment shop/api", "token of its service", cut(D, *POD, "automountServiceAccountToken")),
    ("restricted-pods", "Deployment shop/api", "default service account", cut(D, *POD, "serviceAccountName")),
    ("restricted-pods", "Deployment shop/api", "hostPath", put(D, *POD, "volumes", value=[{"name": "authority", "hostPath": {"path": "/"}}])),
    ("restricted-pods", "Deployment shop/api", "sysctls", put(D, *POD, "securityContext", "sysctls", value=[{"name": "x"}])),
    ("restricted-pods", "Deployment shop/api", "privileged", put(D, *CONTAINER, "securityContext", "privileged", value=True)),
    ("restricted-pods", "Deployment shop/api", "gain privileges", cut(D, *CONTAINER, "securityContext", "allowPrivilegeEscalation")),
    ("restricted-pods", "Deployment shop/api", "can be written", cut(D, *CONTAINER, "securityContext", "readOnlyRootFilesystem")),
    ("restricted-pods", "Deployment shop/api", "keeps capabilities", cut(D, *CONTAINER, "securityContext", "capabilities")),
    ("restricted-pods", "Deployment shop/api", "adds capabilities", put(D, *CONTAINER, "securityContext", "capabilities", "add", value=["NET_ADMIN"])),
    ("restricted-pods", "Deployment shop/api", "may run as root", cut(D, *POD, "securityContext", "runAsNonRoot")),
    ("restricted-pods", "Deployment shop/api", "runs as root", put(D, *POD, "securityContext", "runAsUser", value=0)),
    ("restricted-pods", "Deployment shop/api", "seccomp", put(D, *POD, "securityContext", "seccompProfile", "type", value="Unconfined")),
    ("restricted-pods", "Deployment shop/api", "port of the node", put(D, *CONTAINER, "ports", 0, "hostPort", value=80)),
    ("restricted-pods", "Deployment shop/api", "/proc", put(D, *CONTAINER, "securityContext", "procMount", value="Unmasked")),
    ("restricted-pods", "ServiceAccount shop/api", "mounted into every pod", cut("ServiceAccount-api", "automountServiceAccountToken")),
    ("workloads", "Deployment shop/api", "no readinessProbe", cut(D, *CONTAINER, "readinessProbe")),
    ("workloads", "Deployment shop/api", "no livenessProbe", cut(D, *CONTAINER, "livenessProbe")),
    ("workloads", "Deployment shop/api", "no requests of cpu", cut(D, *CONTAINER, "resources", "requests", "cpu")),
    ("workloads", "Deployment shop/api", "no limits of memory", cut(D, *CONTAINER, "resources", "limits")),
    ("workloads", "Deployment shop/api", "one node", cut(D, *POD, "topologySpreadConstraints")),
    ("workloads", "Deployment shop/api", "no readinessProbe", cut(D, *CONTAINER, "readinessProbe", "httpGet")),
    ("workloads", "Deployment shop/api", "asks a port", put(D, *CONTAINER, "livenessProbe", "httpGet", "port", value="health")),
    ("workloads", "Deployment shop/api", "mounted nowhere", cut(D, *CONTAINER, "volumeMounts")),
    ("workloads", "Deployment shop/api", "no volume of it", put(D, *POD, "volumes", value=[])),
    ("image-digests", "Deployment shop/api", "has no digest", put(D, *CONTAINER, "image", value="registry.example.com/api:1.2")),
    ("image-digests", "Deployment shop/api", "has no digest", cut(D, *CONTAINER, "image")),
    ("tenant-names", "ConfigMap shop/api", "tenant clinic7", put("ConfigMap-api", "data", "X", value="for clinic7")),
    ("tenant-names", "ConfigMap shop/api", "tenant clinic7", put("ConfigMap-api", "data", "clinic7-url", value="x")),
    ("tenant-names", "Deployment shop/api", "tenant clinic7", put(D, "metadata", "labels", value={"tenant": "Clinic7"})),
    ("scrape-targets", "ConfigMap shop/prometheus", "no Service shop/api", cut("Service-api")),
    ("scrape-targets", "ConfigMap shop/prometheus", "no port 4000", put("Service-api", "spec", "ports", 0, "port", value=4001)),
    ("scrape-targets", "ConfigMap shop/prometheus", "no Service shop/short", cut("Service-short")),
    ("scrape-targets", "Service shop/short", "not there", put("Service-short", "spec", "externalName", value="x.shop.svc.cluster.local")),
    ("scrape-targets", "Service shop/api", "no port metrics", put("Service-api", "spec", "ports", 0, "targetPort", value="metrics")),
    ("scrape-targets", "Service shop/api", "leads to no pods", put("Service-api", "spec", "selector", "app", value="x")),
    ("scrape-targets", "ServiceMonitor shop/api", "has a port metrics", put("ServiceMonitor-api", "spec", "endpoints", 0, "port", value="metrics")),
    ("scrape-targets", "ServiceMonitor shop/api", "selects no Service", put("ServiceMonitor-api", "spec", "selector", "matchLabels", "app", value="x")),
    ("variables", "Deployment shop/api", "ConfigMap api, which nothing", cut("ConfigMap-api")),
    ("variables", "Deployment shop/api", "Secret api, which nothing", cut("ExternalSecret-api")),
    ("variables", "Deployment shop/api", "has no such key", cut("ExternalSecret-api", "spec", "data", 1)),
    ("variables", "Deployment shop/api", "ServiceAccount api", cut("ServiceAccount-api")),
    ("variables", "Variable PUBLIC_URL", "is required", cut("ConfigMap-api", "data", "PUBLIC_URL")),
    ("database-tls", "Deployment shop/api", "not PGSSLMODE", put(D, *CONTAINER, "env", 0, "value", value="require")),
    ("database-tls", "Deployment shop/api", "no PGSSLROOTCERT", cut(D, *CONTAINER, "env", 1)),
    ("database-tls", "Deployment shop/api", "nothing is mounted", cut(D, *CONTAINER, "volumeMounts")),
    ("database-tls", "Deployment shop/api", "nothing is mounted", put(D, *POD, "volumes", 0, value={"name": "authority", "emptyDir": {}})),
]  # fmt: skip


def test_every_policy_passes_what_is_right() -> None:
    assert judged(objects()) == []


@pytest.mark.parametrize(
    ("policy", "object", "rule", "break_it"), BROKEN, ids=[f"{case[0]}: {case[2]}" for case in BROKEN]
)
def test_a_broken_rule_is_found_with_object_and_fix(
    policy: str, object: str, rule: str, break_it: Callable[[dict[str, Object]], None]
) -> None:
    held = objects()
    break_it(held)

    found = [one for one in judged(held) if one.policy == policy and one.object == object and rule in one.rule]

    assert found, judged(held)
    assert all(one.fix.endswith(".") and one.component in ("shop", "") for one in found)


def test_every_policy_has_a_case_that_fails() -> None:
    assert {case[0] for case in BROKEN} | {"literal-secrets"} == set(policies)


def test_each_of_fifty_credentials_is_found_and_never_repeated() -> None:
    for one in drawn(random.SystemRandom().randrange(10**9)):
        for change in (
            put("ConfigMap-api", "data", one.field, value=one.value),
            put("ConfigMap-api", "data", "app.env", value=f"PORT=1\n{one.field}={one.value}\n"),
            put(D, *CONTAINER, "env", 0, value={"name": one.field, "value": one.value}),
            put(D, *CONTAINER, "args", value=[f"--{one.field.lower().replace('_', '-')}={one.value}"]),
            put(D, "metadata", "annotations", value={one.field: one.value}),
        ):
            held = objects()
            change(held)
            found = list(policies["literal-secrets"].judge(Manifests(held)))
            assert found, one.kind
            assert all(one.value not in rule for _, rule, _ in found)


@pytest.mark.parametrize(
    "value",
    ["12:30", "redis:7", "10.0.0.1:5432", "0.0.0.0:8080", "localhost:9090", "a:b", "http://nobody", "shop.example.com:443", "nobody.cache:6379"],
)  # fmt: skip
def test_what_is_no_address_of_ours_is_not_followed(value: str) -> None:
    held = objects()
    put(D, *CONTAINER, "env", 0, value={"name": "ANY", "value": value})(held)
    assert list(policies["addresses"].judge(Manifests(held))) == []


def test_a_tenant_that_is_called_like_a_part_of_the_platform_is_not_looked_for() -> None:
    assert judged(objects(), tenants=("shop", "api", "example")) != []
    assert judged(objects(), tenants=("shop", "api")) == []


def test_a_policy_may_be_left_out() -> None:
    held = objects()
    cut("HorizontalPodAutoscaler-api")(held)

    assert judge(Manifests(held), without={"autoscaling"}) == []


def test_no_odd_value_anywhere_breaks_a_policy() -> None:
    """Every value of the small platform in turn is replaced by one of a wrong type."""
    plain, chance = objects(), random.SystemRandom()
    for path, item in plain.items():
        for steps in places(item):
            odd = chance.choice([None, 3, "x", [], {}, [None], {"a": None}, True])
            held = {**plain, path: copy.deepcopy(item)}
            put(path.split("/")[2].removesuffix(".yaml"), *steps, value=odd)(held)
            try:
                judge(Manifests(held, variables=("X",), tenants=("clinic7",)), without={"literal-secrets"})
            except Exception as error:
                raise AssertionError(f"{path} {steps} = {odd!r}") from error


def places(value: Any, *steps: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every value of an object."""
    if steps:
        yield steps
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], *steps, key)


@pytest.mark.parametrize("odd", [{}, {"kind": "Deployment"}, {"kind": "Ingress", "spec": []}, {"kind": "ConfigMap", "data": 3},
    {"kind": "NetworkPolicy", "metadata": [], "spec": {"ingress": [3], "podSelector": "x"}}, {"kind": "Service", "spec": {"selector": 3}},
    {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"env": 3, "ports": [{"containerPort": "x"}]}, 4]}}}},
    {"kind": "HorizontalPodAutoscaler", "spec": {"minReplicas": "x", "maxReplicas": None}},
    {"kind": "ConfigMap", "data": {"p": "scrape_configs: {"}}, {"kind": "ConfigMap", "data": {"p": "scrape_configs: [{static_configs: [{targets: [3]}]}]"}},
    {"kind": "PodDisruptionBudget", "spec": {"minAvailable": [], "selector": {"matchExpressions": [{"operator": 1}]}}}])  # fmt: skip
def test_odd_objects_break_no_policy(odd: Object) -> None:
    judge(Manifests({"a/b/c.yaml": odd, **objects()}, variables=("X",), tenants=("clinic7",)))


def test_every_policy_has_its_row_in_the_document() -> None:
    text = (Path(__file__).parents[3] / "docs/policies.md").read_text("utf-8")
    rows = dict(re.findall(r"(?m)^\| `([a-z-]+)` \| (.+) \|$", text))

    assert rows == {name: policies[name].about for name in policies}
