"""From what somebody puts to a place that may be stored; every refusal names the field and never repeats the text."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from controlpanel.catalog.models import Environment, Variable
from controlpanel.catalog.yaml_text import UNREAD_BY_ARGO_CD
from controlpanel.core.errors import InvalidError
from tenants.choices import ReferenceKind
from tenants.models import EnvironmentValue, KeyNeed
from tenants.parts import Reference, target_key
from tenants.services.inputs import SECRET_REFUSED, VALUE_REFUSED, checked_address, checked_text, refuse_secrets

KEY = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
STORE = re.compile(rf"(?:(?:Cluster)?SecretStore/)?{OBJECT_NAME.pattern}")
DATA_KEY = re.compile(r"[-A-Za-z0-9_.]{1,253}")
REMOTE = re.compile(r"[A-Za-z0-9_./:@+=,~-]{1,500}")
_FIELD = re.compile(r"[A-Za-z]{1,30}")
_IN_STORE = "Write the name under which the store keeps it, such as nova/doktor365."
ENCRYPTED_BYTES = range(290, 200_000)
FIELDS = {
    ReferenceKind.EXTERNAL_SECRET: {"kind", "store", "remoteKey", "property"},
    ReferenceKind.SEALED_SECRET: {"kind", "name", "key", "encrypted"},
    ReferenceKind.VALUE: {"kind", "value"},
}


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys that a tenant may have in one environment, and where the environment's own are set."""

    variables: Mapping[str, Variable]
    needed: frozenset[str]
    files: Mapping[str, str]
    environment: str

    def knows(self, key: str) -> bool:
        """Whether the catalog or a release names the key."""
        return key in self.variables or key in self.needed

    def require(self, key: Any) -> bool:
        """Whether the tenant-scoped key is a secret. Raises `InvalidError` for one that is unknown or of the environment."""
        if not isinstance(key, str) or not KEY.fullmatch(key) or _is_secret(key):
            raise InvalidError("That is no key of the catalog.", "See the catalog's variables.", field="key")
        variable = self.variables.get(key)
        if variable is not None and variable.scope == "environment":
            where = self.files.get(key) or f"the manifests of {self.environment} in the platform repository"
            raise InvalidError(
                f"{key} is one for all tenants of {self.environment}: it is set in {where}.",
                "Change it there and make a new release.", field="key", file=self.files.get(key, ""),
            )  # fmt: skip
        if variable is None and key not in self.needed:
            known = ", ".join(name for name, row in self.variables.items() if row.scope == "tenant")
            raise InvalidError(f"The catalog knows no key {key}.", f"Known: {known or 'none'}.", field="key")
        return variable is None or variable.is_secret


def keys_of(environment: Environment) -> Keys:
    """Three queries."""
    needed = KeyNeed.objects.filter(environment=environment).values_list("key", flat=True)
    values = EnvironmentValue.objects.filter(environment=environment).exclude(where="")
    return Keys(
        variables={row.key: row for row in Variable.objects.order_by("pk")}, needed=frozenset(needed),
        files=dict(values.values_list("key", "where")), environment=environment.name,
    )  # fmt: skip


def reference_of(slug: str, key: str, place: Mapping[str, Any], keys: Keys) -> Reference:
    """The place as a value. Raises `InvalidError` naming the field."""
    is_secret = keys.require(key)
    if not isinstance(place, Mapping):
        raise InvalidError("A reference is put as an object with a kind.", field="kind")
    kind = _kind(place, is_secret, key)
    if unknown := sorted(set(map(str, place)) - FIELDS[kind]):
        name = unknown[0] if _FIELD.fullmatch(unknown[0]) and not _is_secret(unknown[0]) else "a field"
        raise InvalidError(f"{kind} does not take {name}.", f"It takes {', '.join(sorted(FIELDS[kind]))}.", field=name)
    _refuse_unread(place)
    fields: dict[str, Any] = {**READERS[kind](slug, key, place)}
    return Reference(key=key, kind=kind, target_key=target_key(slug, key), **fields)


def _refuse_unread(place: Mapping[str, Any]) -> None:
    """One text would take the file away in which it stands, with the places of others."""
    for field, text in place.items():
        if UNREAD_BY_ARGO_CD in str(text):
            cause = f"The field {field} holds “{UNREAD_BY_ARGO_CD}”: Argo CD would not read the file."
            raise InvalidError(cause, "Write it in other words.", field=field)


def _kind(place: Mapping[str, Any], is_secret: bool, key: str) -> ReferenceKind:
    said = place.get("kind") or ("value" if "value" in place else "")
    if said not in ReferenceKind.values:
        raise InvalidError("The kind is none of ExternalSecret, SealedSecret and value.", field="kind")
    kind = ReferenceKind(said)
    if is_secret and kind == ReferenceKind.VALUE:
        raise InvalidError(VALUE_REFUSED, f"{key} is a secret: use ExternalSecret or SealedSecret.", field="value")
    if not is_secret and kind != ReferenceKind.VALUE:
        raise InvalidError(f"{key} is no secret.", 'Put it as {"value": …}.', field="kind")
    return kind


def _external(slug: str, key: str, place: Mapping[str, Any]) -> dict[str, str]:
    store = _matching(
        place, "store", STORE, "Name a ClusterSecretStore, such as vault-production, or SecretStore/name."
    )
    remote = _matching(place, "remoteKey", REMOTE, _IN_STORE)
    if {"", ".", ".."} & {*remote.removeprefix("/").split("/")}:
        raise InvalidError("The field remoteKey has parts that are empty, “.” or “..”.", _IN_STORE, field="remoteKey")
    has_property = place.get("property") not in (None, "")
    inner = (
        _matching(place, "property", REMOTE, "Write the name of the property inside the secret.")
        if has_property
        else ""
    )
    return {"store": store, "remote_key": remote, "remote_property": inner}


def _sealed(slug: str, key: str, place: Mapping[str, Any]) -> dict[str, str]:
    name = _matching({"name": f"tenant-{slug}", **place}, "name", OBJECT_NAME, "Write the name of a SealedSecret.")
    return {
        "sealed_name": name,
        "sealed_key": _matching(place, "key", DATA_KEY, "Write the key inside the SealedSecret."),
        "sealed_text": encrypted(place.get("encrypted") or ""),
    }


def _value(slug: str, key: str, place: Mapping[str, Any]) -> dict[str, str]:
    given = place.get("value")
    if key.endswith(("_URL", "_ENDPOINT")):
        return {"value": checked_address(given, "value")}
    return {"value": checked_text(given, "value", most=500, least=1)}


READERS: dict[ReferenceKind, Callable[[str, str, Mapping[str, Any]], dict[str, str]]] = {
    ReferenceKind.EXTERNAL_SECRET: _external,
    ReferenceKind.SEALED_SECRET: _sealed,
    ReferenceKind.VALUE: _value,
}


def _matching(place: Mapping[str, Any], field: str, pattern: re.Pattern[str], remedy: str) -> str:
    text = place.get(field)
    if not isinstance(text, str) or not text.strip():
        raise InvalidError(f"The field {field} is missing.", remedy, field=field)
    bare = text.strip()
    refuse_secrets(bare, field, VALUE_REFUSED)
    if not pattern.fullmatch(bare):
        raise InvalidError(f"The field {field} cannot be read.", remedy, field=field)
    return bare


def encrypted(text: Any) -> str:
    """The text, where it is what `kubeseal --raw` prints, or "": two bytes say how long the encrypted key is that follows, then comes the text itself.

    https://github.com/bitnami-labs/sealed-secrets/blob/main/pkg/crypto/crypto.go; nothing shorter passes, so no plain secret does.
    """
    if text == "":
        return ""
    wrong = InvalidError(
        "This is not what kubeseal prints.", "Encrypt it with kubeseal --raw first.", field="encrypted"
    )
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise wrong from None
    if len(content) not in ENCRYPTED_BYTES or int.from_bytes(content[:2]) not in (256, 384, 512):
        raise wrong
    return str(text)


def _is_secret(key: str) -> bool:
    try:
        refuse_secrets(key, "key", SECRET_REFUSED)
    except InvalidError:
        return True
    return False
