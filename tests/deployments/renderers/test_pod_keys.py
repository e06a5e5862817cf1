"""What the pods of a release refer to: keys that somebody has to provide before it is promoted."""

from __future__ import annotations

from typing import Any

import pytest

from controlpanel.catalog.yaml_text import canonical
from deployments.renderers.pod_keys import PodKey, pod_keys, tenant_keys

PATH = "backend/hub/Deployment-backend.yaml"


def found_in(pod: dict[str, Any], kind: str = "Deployment", **template: Any) -> list[tuple[str, str, str, bool]]:
    spec: dict[str, Any] = {"template": {**template, "spec": pod}}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": spec}}
    item = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "backend"}, "spec": spec}
    return [(one.kind, one.name, one.key, one.is_optional) for one in pod_keys({PATH: canonical(item)})]


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "backend", **fields}]}


def secret(key: str, **more: Any) -> dict[str, Any]:
    return {"valueFrom": {"secretKeyRef": {"name": "own", "key": key, **more}}}


CASES: list[tuple[str, dict[str, Any], list[tuple[str, str, str, bool]]]] = [
    ("a key of a Secret", container(env=[{"name": "A", **secret("TOKEN")}]), [("Secret", "own", "TOKEN", False)]),
    ("an optional key", container(env=[{"name": "A", **secret("T", optional=True)}]), [("Secret", "own", "T", True)]),
    (
        "a key of a ConfigMap",
        container(env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "URL"}}}]),
        [("ConfigMap", "c", "URL", False)],
    ),
    ("a plain value", container(env=[{"name": "A", "value": "b"}]), []),
    (
        "everything of both kinds",
        container(envFrom=[{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "c", "optional": True}}]),
        [("ConfigMap", "c", "*", True), ("Secret", "s", "*", False)],
    ),
    (
        "an init container",
        {"initContainers": [{"name": "i", "env": [{"name": "A", **secret("MIGRATION")}]}]},
        [("Secret", "own", "MIGRATION", False)],
    ),
    (
        "items of a volume",
        {"volumes": [{"name": "ca", "secret": {"secretName": "s", "items": [{"key": "CA", "path": "ca.crt"}]}}]},
        [("Secret", "s", "CA", False)],
    ),
    ("a whole volume", {"volumes": [{"name": "c", "configMap": {"name": "c"}}]}, [("ConfigMap", "c", "*", False)]),
    (
        "a projected volume",
        {
            "volumes": [
                {
                    "name": "p",
                    "projected": {
                        "sources": [
                            {"secret": {"name": "s", "optional": True}},
                            {"configMap": {"name": "c", "items": [{"key": "K", "path": "k"}]}},
                            {"serviceAccountToken": {"path": "token"}},
                        ]
                    },
                }
            ]
        },
        [("ConfigMap", "c", "K", False), ("Secret", "s", "*", True)],
    ),
    ("odd shapes", {"containers": [None, "x"], "volumes": "y", "initContainers": {"a": 1}}, []),
]


@pytest.mark.parametrize(("what", "pod", "expected"), CASES, ids=[case[0] for case in CASES])
def test_what_a_pod_refers_to_is_found(
    what: str, pod: dict[str, Any], expected: list[tuple[str, str, str, bool]]
) -> None:
    assert found_in(pod) == expected


def test_pods_of_every_workload_are_read() -> None:
    pod = container(env=[{"name": "A", **secret("TOKEN")}])

    assert [len(found_in(pod, kind)) for kind in ("StatefulSet", "DaemonSet", "Job", "CronJob")] == [1, 1, 1, 1]


def test_a_pod_template_says_which_keys_it_reads_of_every_tenant() -> None:
    metadata = {"annotations": {"control-panel/tenant-keys": "DOKTOR365_SECRET, WHATSAPP_TOKEN"}}

    found = found_in(container(), metadata=metadata)

    assert found == [("", "", "DOKTOR365_SECRET", False), ("", "", "WHATSAPP_TOKEN", False)]


def test_what_cannot_be_read_gives_nothing() -> None:
    assert pod_keys({"backend/hub/x.yaml": b"\xff", "backend/hub/y.yaml": b"- a: [", "README.md": b"# hello"}) == []


def of(kind: str, name: str, key: str, *, is_optional: bool = False) -> PodKey:
    return PodKey(kind, name, key, is_optional, PATH)


def test_tenants_need_what_is_said_to_be_of_tenants_and_nothing_else() -> None:
    found = [
        of("", "", "WHATSAPP_TOKEN"),
        of("Secret", "tenant-credentials-03", "nova.SMS_TOKEN"),
        of("Secret", "backend-environment", "DOKTOR365_SECRET"),
        of("Secret", "backend-environment", "DATABASE_URL"),
        of("Secret", "backend-environment", "OTHER_OF_TENANTS", is_optional=True),
        of("Secret", "tenant-credentials-03", "*"),
    ]

    needed = tenant_keys(found, {"DOKTOR365_SECRET", "OTHER_OF_TENANTS"})

    assert needed == {"WHATSAPP_TOKEN", "SMS_TOKEN", "DOKTOR365_SECRET"}
