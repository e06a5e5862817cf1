"""The kinds that the cluster's API serves, and what an object of each may say."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.documents import Document


@dataclass(frozen=True)
class Kind:
    """One resource of the API. `model` names its published type, None where only the top of `fields` is known."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    model: str | None = None
    fields: frozenset[str] | None = None

    @property
    def api_version(self) -> str:
        """As manifests write it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def entry(self) -> Document:
        """The entry in the list of resources."""
        verbs = ["get", "list", "patch"]
        return {"name": self.plural, "singularName": self.kind.lower(), "namespaced": self.namespaced, "kind": self.kind,
                "verbs": verbs}  # fmt: skip


def _kinds() -> Iterator[Kind]:
    for kind, plural in {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services", "Pod": "pods",
                         "ServiceAccount": "serviceaccounts", "PersistentVolumeClaim": "persistentvolumeclaims"}.items():  # fmt: skip
        yield Kind("", "v1", plural, kind, model=f"V1{kind}")
    yield Kind("", "v1", "namespaces", "Namespace", namespaced=False, model="V1Namespace")
    for group, kinds in {
        "apps": {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "ReplicaSet": "replicasets"},
        "batch": {"Job": "jobs", "CronJob": "cronjobs"},
        "policy": {"PodDisruptionBudget": "poddisruptionbudgets"},
        "networking.k8s.io": {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"},
        "rbac.authorization.k8s.io": {"Role": "roles", "RoleBinding": "rolebindings"},
    }.items():  # fmt: skip
        for kind, plural in kinds.items():
            yield Kind(group, "v1", plural, kind, model=f"V1{kind}")
    yield Kind(
        "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", model="V2HorizontalPodAutoscaler"
    )
    external = frozenset("data dataFrom refreshInterval refreshPolicy secretStoreRef target".split())
    yield Kind("external-secrets.io", "v1", "externalsecrets", "ExternalSecret", fields=external)
    yield Kind("external-secrets.io", "v1", "secretstores", "SecretStore")
    yield Kind("external-secrets.io", "v1", "clustersecretstores", "ClusterSecretStore", namespaced=False)
    yield Kind("cert-manager.io", "v1", "certificates", "Certificate")
    yield Kind(
        "bitnami.com", "v1alpha1", "sealedsecrets", "SealedSecret", fields=frozenset({"encryptedData", "template"})
    )


KINDS = tuple(_kinds())
TOP = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


def schema_problems(kind: Kind, manifest: Document) -> list[str]:
    """What the published type does not know or of another type, in the API server's words."""
    if kind.model:
        return list(_check(manifest, kind.model, ""))
    unknown = [f".{key}" for key in manifest if key not in TOP]
    if kind.fields is not None:
        unknown += [f".spec.{key}" for key in manifest.get("spec") or {} if key not in kind.fields]
    return [f"{path}: field not declared in schema" for path in unknown]


@functools.cache
def _fields(model: str) -> dict[str, str] | None:
    """Field name to type of a published model, None where it is free."""
    # Imported late: the models of Kubernetes' own client weigh 40 MB, and most sandboxes never check an object.
    from kubernetes.client import models

    found = getattr(models, model)
    if not found.openapi_types:
        return None
    return {found.attribute_map[name]: kind for name, kind in found.openapi_types.items()}


def _check(value: Any, kind: str, path: str) -> Iterator[str]:
    if value is None or kind == "object":
        return
    if found := re.fullmatch(r"List\[(.*)\]", kind):
        yield from _check_list(value, found[1], path)
    elif found := re.fullmatch(r"Dict\[str, (.*)\]", kind):
        yield from _check_map(value, found[1], path)
    elif kind in SCALARS:
        fits, name = SCALARS[kind]
        if not isinstance(value, fits) or (isinstance(value, bool) and kind != "bool"):
            yield f"{path}: expected {name}, got {_shown(value)}"
    elif not isinstance(value, dict):
        yield f"{path}: expected map, got {_shown(value)}"
    else:
        fields = _fields(kind)
        for key, item in value.items() if fields is not None else ():
            if key in (fields or {}):
                yield from _check(item, (fields or {})[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: field not declared in schema"


SCALARS: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "string"),
    "datetime": ((str,), "string"),
    "bool": ((bool,), "boolean"),
    "int": ((int, float), "numeric (int or float)"),
    "float": ((int, float), "numeric (int or float)"),
}


def _check_list(value: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected list, got {_shown(value)}"
        return
    for place, item in enumerate(value):
        named = isinstance(item, dict) and "name" in item
        yield from _check(item, kind, f'{path}[name="{item["name"]}"]' if named else f"{path}[{place}]")


def _check_map(value: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected map, got {_shown(value)}"
        return
    for key, item in value.items():
        yield from _check(item, kind, f"{path}.{key}")


def _shown(value: Any) -> str:
    names = {str: "string", bool: "boolean", int: "int", float: "float", list: "list", dict: "map"}
    return names.get(type(value), "value")
