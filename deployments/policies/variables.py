"""What containers are given: where a variable comes from, followed to the object that provides it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deployments.policies.base import (
    Manifests,
    Object,
    Workload,
    entries,
    look,
    mapping,
    name_of,
    namespace_of,
    policy,
)
from deployments.renderers.variables import MISSING, NOWHERE, standing_of


@dataclass(frozen=True)
class Given:
    """A variable of a container: its literal `value`, or None for one that comes out of a secret."""

    name: str
    value: str | None


def given_to(container: Object, workload: Workload, manifests: Manifests) -> dict[str, Given]:
    """By name; what stands under `env` wins over `envFrom`."""
    found: dict[str, Given] = {}
    for source in entries(container.get("envFrom")):
        for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            if name := look(source, field, "name"):
                found |= _provided(kind, workload.namespace, str(name), manifests)
    for entry in entries(container.get("env")):
        name = str(entry.get("name"))
        found[name] = Given(name, entry["value"] if isinstance(entry.get("value"), str) else None)
    return found


def _provided(kind: str, namespace: str, name: str, manifests: Manifests) -> dict[str, Given]:
    if kind == "ConfigMap":
        item = next(
            (one for one in manifests.of_kind(kind) if (namespace_of(one), name_of(one)) == (namespace, name)), None
        )
        return {key: Given(key, value) for key, value in mapping(look(item, "data")).items()}
    return {key: Given(key, None) for key in secrets_of(manifests).get((namespace, name), frozenset())}


def secrets_of(manifests: Manifests) -> dict[tuple[str, str], frozenset[str]]:
    """Namespace and name -> keys of every Secret that an object of ours makes."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for item in manifests.of_kind("ExternalSecret"):
        target = look(item, "spec", "target", "name") or name_of(item)
        keys = {str(entry.get("secretKey")) for entry in entries(look(item, "spec", "data"))}
        keys |= set(mapping(look(item, "spec", "target", "template", "data")))
        found[namespace_of(item), str(target)] = frozenset(keys)
    for item in manifests.of_kind("SealedSecret"):
        name = str(look(item, "spec", "template", "metadata", "name") or name_of(item))
        found[namespace_of(item), name] = frozenset(mapping(look(item, "spec", "encryptedData")))
    for item in manifests.of_kind("Certificate"):
        found[namespace_of(item), str(look(item, "spec", "secretName"))] = frozenset({"tls.crt", "tls.key", "ca.crt"})
    for item in manifests.of_kind("Secret"):
        found[namespace_of(item), name_of(item)] = frozenset(mapping(item.get("data")))
    return found


@policy("variables", about="What containers refer to is provided, and every required variable is set or referenced.")
def variables(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """A pod with a dangling reference waits for ever (CreateContainerConfigError)."""
    maps = {(namespace_of(item), name_of(item)): item for item in manifests.of_kind("ConfigMap")}
    secrets, accounts = secrets_of(manifests), {
        (namespace_of(item), name_of(item)) for item in manifests.of_kind("ServiceAccount")
    }  # fmt: skip
    for workload in manifests.workloads:
        for kind, name, key in _references(workload):
            there = maps if kind == "ConfigMap" else secrets
            place = (workload.namespace, name)
            if place not in there:
                yield (
                    workload.object,
                    f"It uses the {kind} {name}, which nothing provides.",
                    "Add it, or correct the name.",
                )
            elif key and kind == "Secret" and secrets[place] and key not in secrets[place]:
                yield (
                    workload.object,
                    f"It uses {key} of the Secret {name}, which has no such key.",
                    "Add the key where it is made.",
                )
            elif key and kind == "ConfigMap" and key not in mapping(maps[place].get("data")):
                yield workload.object, f"It uses {key} of the ConfigMap {name}, which has no such key.", "Add the key."
        account = str(workload.pod.get("serviceAccountName", "default"))
        if account != "default" and (workload.namespace, account) not in accounts:
            yield workload.object, f"Its ServiceAccount {account} is not there.", "Add it."
    yield from _required(manifests)


def _required(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    found = standing_of(manifests.objects)
    for key in manifests.variables:
        if found.get(key, NOWHERE).state == MISSING:
            item = {"kind": "Variable", "metadata": {"name": key}}
            yield (
                item,
                "It is required, and no manifest sets or references it.",
                "Set it in a ConfigMap, or reference it.",
            )


def _references(workload: Workload) -> Iterator[tuple[str, str, str]]:
    """Kind, name and key ("" for the whole) of what pods cannot start without."""
    for container in workload.every_container:
        for source in entries(container.get("envFrom")):
            yield from _one(source.get("configMapRef"), "ConfigMap")
            yield from _one(source.get("secretRef"), "Secret")
        for entry in entries(container.get("env")):
            yield from _one(look(entry, "valueFrom", "configMapKeyRef"), "ConfigMap")
            yield from _one(look(entry, "valueFrom", "secretKeyRef"), "Secret")
    for volume in entries(workload.pod.get("volumes")):
        for source in (volume, *entries(look(volume, "projected", "sources"))):
            yield from _one(source.get("configMap"), "ConfigMap")
            yield from _one(source.get("secret"), "Secret")


def _one(reference: object, kind: str) -> Iterator[tuple[str, str, str]]:
    if not isinstance(reference, dict) or reference.get("optional"):
        return
    name = str(reference.get("name") or reference.get("secretName") or "")
    yield kind, name, str(reference.get("key") or "")
    yield from ((kind, name, str(item.get("key"))) for item in entries(reference.get("items")))
