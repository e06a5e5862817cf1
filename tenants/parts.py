"""A tenant's part of an environment as values: what is rendered, what a sign-off binds to. No rows, no Django."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One version of a reference: a place, never the value of a secret.

    `kind` is ExternalSecret (`store`, `remote_key`, `remote_property`), SealedSecret (`sealed_name`, `sealed_key` and, where the
    panel carries it into Git, `sealed_text`: what `kubeseal` encrypted) or value (`value`, of a key that is no secret).
    `version` is the primary key of the version's row, 0 for none; digests do not contain it.
    """

    key: str
    kind: str
    store: str = ""
    remote_key: str = ""
    remote_property: str = ""
    sealed_name: str = ""
    sealed_key: str = ""
    sealed_text: str = ""
    value: str = ""
    target_key: str
    version: int = 0

    @property
    def place(self) -> dict[str, str]:
        """What a digest is made of: every field that says something; an encrypted text by its own digest."""
        said = {name: text for name, text in asdict(self).items() if text and name != "version"}
        return said | ({"sealed_text": digest_of(self.sealed_text)} if self.sealed_text else {})

    @property
    def words(self) -> str:
        """The place in one line: `nova/doktor365#hmac in vault`."""
        if self.kind == "ExternalSecret":
            return f"{self.remote_key}{'#' if self.remote_property else ''}{self.remote_property} in {self.store}"
        return f"{self.sealed_key} of SealedSecret {self.sealed_name}" if self.kind == "SealedSecret" else self.value


@dataclass(frozen=True, kw_only=True)
class TenantPart:
    """What one tenant has in one environment, references by key. `is_leaving`: nothing is left in a store, and the keys of
    its ExternalSecret have to leave the shard's Secret before that goes."""

    slug: str
    references: tuple[Reference, ...] = ()
    is_leaving: bool = False

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the references."""
        return digest_of([reference.place for reference in self.references])


def target_key(slug: str, key: str) -> str:
    """The key in the shard's Secret or ConfigMap under which the hub looks for it."""
    return f"{slug}.{key}"


def digest_of(content: Any) -> str:
    """Hex SHA-256 over canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


_NAMES = {
    "store": "store", "remote_key": "remote key", "remote_property": "property", "sealed_name": "SealedSecret", "sealed_key": "key",
    "sealed_text": "encrypted text", "value": "value", "kind": "kind", "target_key": "target key", "state": "state",
    "where": "file",
}  # fmt: skip


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What changed between two places or environment values in words: `remote key changed from a to b`."""
    names = [name for name in _NAMES if before.get(name, "") != after.get(name, "")]
    return [_change(name, before.get(name, ""), after.get(name, "")) for name in names]


def _change(name: str, was: str, becomes: str) -> str:
    word = _NAMES[name]
    if name == "sealed_text":
        return f"{word} changed"
    if not was or not becomes:
        return f"{word} {becomes} was added" if becomes else f"{word} {was} was taken away"
    return f"{word} changed from {was} to {becomes}"
