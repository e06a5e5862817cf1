"""Putting and removing references: places of secrets, and values of keys that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from tenants.models import CredentialReference, Tenant


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One edit of a change set. `place` is what the API takes: {"kind": "ExternalSecret", "store", "remoteKey", "property"?},
    {"kind": "SealedSecret", "key", "name"?, "encrypted"?} or {"value"}; None removes the reference."""

    environment: str
    key: str
    place: Mapping[str, Any] | None


def reference_put(
    *,
    actor: Actor,
    tenant: Tenant,
    environment: Environment,
    key: str,
    place: Mapping[str, Any],
    owner: str | None = None,
    rotation_days: int | None = None,
) -> CredentialReference:
    """Put one reference; the same place again changes nothing. See `references_put`."""
    raise NotImplementedError


def reference_remove(*, actor: Actor, tenant: Tenant, environment: Environment, key: str) -> CredentialReference:
    """Take one reference away, as a pending change. Raises `AbsentError` where there is none."""
    raise NotImplementedError


def references_put(*, actor: Actor, tenant: Tenant, edits: Sequence[Edit]) -> list[CredentialReference]:
    """Several edits of one tenant as one change set: all or none.

    Raises `InvalidError` naming the field where a value looks like a secret (it is not stored, logged or repeated), a key
    is unknown or environment-scoped (the error names the file that sets it), or a place is incomplete.
    """
    raise NotImplementedError
