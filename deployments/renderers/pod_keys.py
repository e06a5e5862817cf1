"""Keys of Secrets and ConfigMaps that the pods of a release refer to, read from its rendered manifests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controlpanel.catalog.shards import COMPONENT
from deployments.renderers.objects import ObjectRefused, objects_of

TENANT_KEYS = "control-panel/tenant-keys"
"""On a pod template: keys, between commas, that its containers read of every tenant from the mounted shards. Manifests name
no tenant, so a file `<slug>.<KEY>` cannot be asked for by name."""
EVERY_KEY = "*"


@dataclass(frozen=True, order=True)
class PodKey:
    """`key` of the Secret or ConfigMap `name`; `*` where pods take all it has. `kind` is "" for a key of every tenant."""

    kind: str
    name: str
    key: str
    is_optional: bool
    path: str


def pod_keys(files: Mapping[str, bytes]) -> list[PodKey]:
    """Everything that pods refer to, sorted: `env`, `envFrom`, volumes and projected volumes, and `TENANT_KEYS`.

    Files that cannot be read (another writer's) give none.
    """
    return sorted({found for path, content in files.items() for found in _in_file(path, content)})


def tenant_keys(found: Collection[PodKey], tenant_scoped: Collection[str]) -> set[str]:
    """Those of them that each tenant has to have: what `TENANT_KEYS` names, keys of a shard's objects, and keys that the
    catalog scopes to tenants. Optional ones are not needed."""
    needed = {one.key.rpartition(".")[2] for one in found if not one.is_optional and _is_of_tenants(one, tenant_scoped)}
    return needed - {EVERY_KEY, ""}


def _is_of_tenants(one: PodKey, tenant_scoped: Collection[str]) -> bool:
    return not one.kind or one.name.startswith(f"{COMPONENT}-") or one.key in tenant_scoped


def _in_file(path: str, content: bytes) -> Iterator[PodKey]:
    try:
        manifests = objects_of(content)
    except ObjectRefused:
        return
    for manifest in manifests:
        yield from _below(path, manifest)


def _below(path: str, node: Any) -> Iterator[PodKey]:
    """Every pod specification and every pod template's annotation, wherever in the object it is."""
    if isinstance(node, list):
        for value in node:
            yield from _below(path, value)
    if not isinstance(node, Mapping):
        return
    yield from _annotated(path, node.get("metadata"))
    for key, value in node.items():
        if key in ("containers", "initContainers", "ephemeralContainers"):
            for container in _entries(value):
                yield from _of_container(path, container)
        elif key == "volumes":
            for volume in _entries(value):
                yield from _of_volume(path, volume)
        elif key != "metadata":
            yield from _below(path, value)


def _annotated(path: str, metadata: Any) -> Iterator[PodKey]:
    named = _mapping(_mapping(metadata).get("annotations")).get(TENANT_KEYS)
    for key in str(named or "").split(","):
        if key.strip():
            yield PodKey("", "", key.strip(), False, path)


def _of_container(path: str, container: Mapping[str, Any]) -> Iterator[PodKey]:
    for variable in _entries(container.get("env")):
        source = _mapping(variable.get("valueFrom"))
        for kind, field in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
            if chosen := _mapping(source.get(field)):
                yield _one(path, kind, chosen, chosen.get("key"))
    for source in _entries(container.get("envFrom")):
        for kind, field in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
            if chosen := _mapping(source.get(field)):
                yield _one(path, kind, chosen, EVERY_KEY)


def _of_volume(path: str, volume: Mapping[str, Any]) -> Iterator[PodKey]:
    projected = _entries(_mapping(volume.get("projected")).get("sources"))
    for source in (volume, *projected):
        for kind, field in (("Secret", "secret"), ("ConfigMap", "configMap")):
            if chosen := _mapping(source.get(field)):
                items = [item.get("key") for item in _entries(chosen.get("items"))] or [EVERY_KEY]
                for key in items:
                    yield _one(path, kind, chosen, key)


def _one(path: str, kind: str, chosen: Mapping[str, Any], key: Any) -> PodKey:
    name = str(chosen.get("name") or chosen.get("secretName") or "")
    return PodKey(kind, name, str(key), chosen.get("optional") is True, path)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    return (entry for entry in (value if isinstance(value, list) else ()) if isinstance(entry, Mapping))
