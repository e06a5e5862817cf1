"""Secrets that several hands write to: each hand adds, changes and removes its own keys only, and is told apart."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from sandbox.cluster import PRIVATE, Cluster
from sandbox.documents import Document, copied
from sandbox.manifests import Key

HANDS = "hands"


def merge_keys(cluster: Cluster, secret: Document, hand: str, values: Mapping[str, str]) -> None:
    """Let `hand` hold these keys and no others in a live Secret; what others hold stays."""
    hands = dict(secret[PRIVATE].get(HANDS, {}))
    gone = set(hands.get(hand, ())) - set(values)
    data = {key: value for key, value in secret.get("data", {}).items() if key not in gone}
    data |= {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    hands[hand] = sorted(values)
    if data == secret.get("data", {}) and hands == secret[PRIVATE].get(HANDS, {}):
        return
    cluster.replace(secret, secret | {"data": data, PRIVATE: {**secret[PRIVATE], HANDS: hands}})


def make_secret(cluster: Cluster, namespace: str, name: str, hand: str, values: Mapping[str, str]) -> None:
    """Create a Secret that no Application knows, held by one hand."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    metadata = {"name": name, "namespace": namespace}
    secret: Document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}
    cluster.create(secret | {PRIVATE: {HANDS: {hand: sorted(values)}}}, "")


def secret_at(cluster: Cluster, namespace: str, name: str) -> Document | None:
    """The live Secret."""
    return cluster.get(Key("", "Secret", namespace, name))


def metadata_with_hands(manifest: Document) -> Document:
    """The metadata of an object as the API server shows it, `managedFields` of a Secret's keys included."""
    metadata: Document = copied(manifest["metadata"])
    hands = manifest.get(PRIVATE, {}).get(HANDS, {})
    others = set(manifest.get("data", {})) - {key for keys in hands.values() for key in keys}
    if manifest["kind"] == "Secret" and manifest.get("data"):
        everybody = {**hands, **({"argocd-controller": sorted(others)} if others else {})}
        metadata["managedFields"] = [_entry(hand, keys, metadata) for hand, keys in everybody.items() if keys]
    return metadata


def _entry(hand: str, keys: list[str], metadata: Document) -> Document:
    return {
        "manager": hand, "operation": "Update", "apiVersion": "v1", "time": metadata.get("creationTimestamp"),
        "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {".": {}, **{f"f:{key}": {} for key in keys}}},
    }  # fmt: skip
