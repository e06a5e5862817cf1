"""Tenants' references as files: for each shard an empty Secret, a ConfigMap of values, and an ExternalSecret for each tenant.

An ExternalSecret merges its keys into the shard's Secret, so one that fails keeps nobody else from theirs. Objects are
written line by line as `canonical` would write them, since there may be tens of thousands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from controlpanel.catalog.shards import COMPONENT, directory_of, object_name, shard_names, shard_of
from controlpanel.catalog.yaml_text import UNREAD_BY_ARGO_CD, canonical, scalar
from deployments.renderers.base import RenderError
from tenants.parts import Reference, TenantPart

MOST_BYTES = 200 * 1024
"""Of one object: etcd takes 1.5 MB, and every change of a ConfigMap or SealedSecret travels whole."""
NOWHERE = "control-panel/does-not-exist"
"""A place that no store has. An ExternalSecret that asks for it, and may drop what is missing, gives up all its keys."""
SHARD_LABEL = "control-panel/shard"
PATCH = "sealedsecrets.bitnami.com/patch"
REFRESH = "1h"
LONGEST_KEY = 100
"""A longer one is written in YAML's other form, with a question mark."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the shards of an environment are."""

    namespace: str
    shards: int


def render(parts: Iterable[TenantPart], place: Place) -> dict[str, dict[str, bytes]]:
    """Shard → path → content, every shard with its two objects even where it has no tenant.

    Raises `RenderError` where an object would outgrow `MOST_BYTES`.
    """
    members: defaultdict[str, list[TenantPart]] = defaultdict(list)
    for part in parts:
        members[shard_of(part.slug, place.shards)].append(part)
    return {shard: dict(_files(shard, members[shard], place)) for shard in shard_names(place.shards)}


def external_secret_name(slug: str) -> str:
    """The name of a tenant's ExternalSecret."""
    return f"tenant-{slug}"


def slug_of(name: str) -> str:
    """The tenant that an ExternalSecret of that name belongs to."""
    return name.removeprefix("tenant-")


def _files(shard: str, parts: Sequence[TenantPart], place: Place) -> Iterator[tuple[str, bytes]]:
    folder, name = f"{directory_of(shard)}/{place.namespace}", object_name(shard)
    yield f"{folder}/Secret-{name}.yaml", _secret(shard, place)
    yield f"{folder}/ConfigMap-{name}.yaml", _limited(f"ConfigMap {name}", _config_map(shard, parts, place))
    if sealed := _of_kind(parts, "SealedSecret"):
        yield f"{folder}/SealedSecret-{name}.yaml", _limited(f"SealedSecret {name}", _sealed(shard, sealed, place))
    for part in parts:
        external = [one for one in part.references if one.kind == "ExternalSecret"]
        if external:
            content = _external_secret(shard, part, external, place)
            yield f"{folder}/ExternalSecret-{external_secret_name(part.slug)}.yaml", content


def _of_kind(parts: Sequence[TenantPart], kind: str) -> list[Reference]:
    """What the panel carries into Git of this kind."""
    found = [one for part in parts for one in part.references if one.kind == kind]
    return [one for one in found if kind != "SealedSecret" or one.sealed_text]


def _limited(title: str, content: bytes) -> bytes:
    if UNREAD_BY_ARGO_CD.encode() in content:
        cause = f"{title} would hold “{UNREAD_BY_ARGO_CD}”: Argo CD would not read its file and delete what it had."
        raise RenderError(COMPONENT, cause, "Change the tenant's value that holds it.")
    if len(content) <= MOST_BYTES:
        return content
    raise RenderError(
        COMPONENT,
        f"{title} would have {len(content) // 1024} KiB; an object may have {MOST_BYTES // 1024}.",
        "Raise tenantCredentials.shards in platform.yaml, or keep these secrets in a store and refer to them by ExternalSecrets.",
    )


def _metadata(shard: str, name: str, namespace: str, **annotations: str) -> dict[str, object]:
    labels = {SHARD_LABEL: shard}
    named: dict[str, object] = {"name": name, "namespace": namespace, "labels": labels}
    return named | ({"annotations": annotations} if annotations else {})


def _secret(shard: str, place: Place) -> bytes:
    """Empty: operators fill it, and nobody takes it away with what is in it."""
    metadata = _metadata(shard, object_name(shard), place.namespace)
    metadata["annotations"] = {PATCH: "true", "argocd.argoproj.io/sync-options": "Prune=false"}
    return canonical({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata})


def _config_map(shard: str, parts: Sequence[TenantPart], place: Place) -> bytes:
    """As `canonical` would write it, as below; which also does it where a line would not do."""
    name, data = object_name(shard), {one.target_key: one.value for one in _of_kind(parts, "value")}
    if any(len(key) > LONGEST_KEY or "\n" in value for key, value in data.items()):
        metadata = _metadata(shard, name, place.namespace)
        return canonical({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    lines = "".join(f"\n  {scalar(key)}: {scalar(data[key])}" for key in sorted(data))
    return _CONFIG_MAP.format(
        data=lines or " {}", shard=scalar(shard), name=scalar(name), namespace=scalar(place.namespace)
    ).encode()  # fmt: skip


def _sealed(shard: str, references: Iterable[Reference], place: Place) -> bytes:
    """One for the whole shard: what a SealedSecret makes has its name."""
    name = object_name(shard)
    spec = {
        "encryptedData": {one.target_key: one.sealed_text for one in references},
        "template": {"metadata": {"name": name, "namespace": place.namespace, "annotations": {PATCH: "true"}}},
    }
    metadata = _metadata(shard, name, place.namespace)
    return canonical({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": metadata, "spec": spec})


def _external_secret(shard: str, part: TenantPart, references: Sequence[Reference], place: Place) -> bytes:
    """As `canonical` would write it, which a test holds."""
    first = references[0].store
    data = _leaving(part.slug) if part.is_leaving else [_datum(one, first) for one in references]
    kind, store = _store(first)
    return _TEMPLATE.format(
        data="".join(data), policy="Merge" if part.is_leaving else "Retain", name=scalar(external_secret_name(part.slug)),
        namespace=scalar(place.namespace), shard=scalar(shard), tenant=scalar(part.slug), refresh=scalar(REFRESH), kind=kind,
        store=scalar(store), target=scalar(object_name(shard)),
    ).encode()  # fmt: skip


def _store(name: str) -> tuple[str, str]:
    """Kind and name: a ClusterSecretStore, unless written as `SecretStore/name`."""
    kind, slash, rest = name.partition("/")
    return (kind, rest) if slash and kind in ("SecretStore", "ClusterSecretStore") else ("ClusterSecretStore", name)


def _datum(one: Reference, first: str) -> str:
    lines = f"  - remoteRef:\n      key: {scalar(one.remote_key)}\n"
    if one.remote_property:
        lines += f"      property: {scalar(one.remote_property)}\n"
    lines += f"    secretKey: {scalar(one.target_key)}\n"
    if one.store != first:
        kind, store = _store(one.store)
        lines += f"    sourceRef:\n      storeRef:\n        kind: {kind}\n        name: {scalar(store)}\n"
    return lines


def _leaving(slug: str) -> list[str]:
    return [f"  - remoteRef:\n      key: {scalar(NOWHERE)}\n    secretKey: {scalar(f'{slug}.OFFBOARDED')}\n"]


_CONFIG_MAP = """apiVersion: v1
data:{data}
kind: ConfigMap
metadata:
  labels:
    control-panel/shard: {shard}
  name: {name}
  namespace: {namespace}
"""
_TEMPLATE = """apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  labels:
    control-panel/shard: {shard}
    control-panel/tenant: {tenant}
  name: {name}
  namespace: {namespace}
spec:
  data:
{data}  refreshInterval: {refresh}
  secretStoreRef:
    kind: {kind}
    name: {store}
  target:
    creationPolicy: Merge
    deletionPolicy: {policy}
    name: {target}
"""
