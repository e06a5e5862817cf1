"""Putting and removing references: places of secrets, and values of keys that are none."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import AbsentError, ConflictError, InvalidError
from controlpanel.core.permissions import Right
from tenants.choices import TenantState
from tenants.models import CredentialReference, Tenant
from tenants.parts import Reference
from tenants.selectors.seeing import environment_find
from tenants.services import inputs
from tenants.services.own_places import require_own_place
from tenants.services.places import KEY, Keys, keys_of, reference_of
from tenants.services.readiness import readiness_lock, readiness_recompute
from tenants.services.reference_rows import Put, references_write
from tenants.services.tenants import locked, record

MOST_EDITS = 200


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One edit of a change set. `place` is what the API takes: {"kind": "ExternalSecret", "store", "remoteKey", "property"?},
    {"kind": "SealedSecret", "key", "name"?, "encrypted"?} or {"value"}; None removes the reference."""

    environment: str
    key: str
    place: Mapping[str, Any] | None
    owner: str | None = None
    rotation_days: int | None = None


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
    edit = Edit(environment=environment.name, key=key, place=place, owner=owner, rotation_days=rotation_days)
    references_put(actor=actor, tenant=tenant, edits=[edit])
    return _row(tenant, environment, key)


def reference_remove(*, actor: Actor, tenant: Tenant, environment: Environment, key: str) -> CredentialReference:
    """Take one reference away, as a pending change. Raises `AbsentError` where there is none."""
    actor.require(Right.TENANT_REFERENCE, environment.name, tenant.slug)
    if not KEY.fullmatch(key) or not _rows(tenant, environment).filter(key=key, newest__is_removed=False).exists():
        raise AbsentError(f"{tenant.slug} has no such reference in {environment.name}.", "See the tenant's checklist.")
    references_put(actor=actor, tenant=tenant, edits=[Edit(environment=environment.name, key=key, place=None)])
    return _row(tenant, environment, key)


def references_put(*, actor: Actor, tenant: Tenant, edits: Sequence[Edit]) -> list[CredentialReference]:
    """Several edits of one tenant as one change set: all or none; answers the references that changed.

    Raises `InvalidError` naming the field where a value looks like a secret (it is not stored, logged or repeated), a key
    is unknown or environment-scoped (the error names the file that sets it), a place is incomplete, or not one of the tenant's.
    """
    if not 0 < len(edits) <= MOST_EDITS:
        raise InvalidError(f"A change set has between 1 and {MOST_EDITS} edits.", field="edits")
    by_place = _by_place(actor, tenant, edits)
    change_set, changed = uuid.uuid4(), []
    with transaction.atomic():
        row = locked(tenant)
        if row.state == TenantState.OFFBOARDED:
            raise ConflictError(f"{row.slug} is offboarded.", "Onboard it again first.")
        for environment in by_place:
            readiness_lock(environment, [row.pk])
        for environment, puts in by_place.items():
            changed += references_write(environment, puts, by=actor.name, change_set=change_set)
            readiness_recompute(environment, [row.pk], by=actor.name)
        for environment, puts in by_place.items():
            _record(actor, row, environment, [one for one in changed if one.environment_id == environment.pk], puts)
    return changed


def _by_place(actor: Actor, tenant: Tenant, edits: Sequence[Edit]) -> dict[Environment, list[Put]]:
    """Checked puts by environment, in the order in which environments are locked."""
    found: dict[Environment, list[Put]] = {}
    for name in sorted({edit.environment for edit in edits}):
        environment = environment_find(actor, name, tenant.slug)
        actor.require(Right.TENANT_REFERENCE, environment.name, tenant.slug)
        keys = keys_of(environment)
        found[environment] = [_put(tenant, edit, keys) for edit in edits if edit.environment == name]
        _require_once(found[environment])
        for put in found[environment]:
            if put.place is not None:
                require_own_place(actor=actor, tenant=tenant, environment=environment, reference=put.place)
    return dict(sorted(found.items(), key=lambda item: item[0].pk))


def _put(tenant: Tenant, edit: Edit, keys: Keys) -> Put:
    if edit.place is None and not KEY.fullmatch(edit.key):
        raise InvalidError("That is no key of the catalog.", "See the catalog's variables.", field="key")
    return Put(
        tenant=tenant,
        key=edit.key,
        place=None if edit.place is None else _place(tenant, edit.key, edit.place, keys),
        owner=None if edit.owner is None else inputs.checked_owner(edit.owner),
        rotation_days=_days(edit.rotation_days),
    )


def _place(tenant: Tenant, key: str, place: Mapping[str, Any], keys: Keys) -> Reference:
    """The place of one edit; a refusal names the edit's key beside the field, where that is one of the catalog."""
    try:
        return reference_of(tenant.slug, key, place, keys)
    except InvalidError as refusal:
        if keys.knows(key):
            refusal.extra.setdefault("key", key)
        raise


def _require_once(puts: Sequence[Put]) -> None:
    keys = [put.key for put in puts]
    if len(set(keys)) != len(keys):
        raise InvalidError("A change set names each key once in an environment.", field="edits")


def _days(given: int | None) -> int | None:
    if given is not None and not 1 <= given <= 3650:
        raise InvalidError("A rotation period has between 1 and 3650 days.", field="rotationDays")
    return given


def _record(
    actor: Actor, tenant: Tenant, environment: Environment, changed: Sequence[CredentialReference], puts: Sequence[Put]
) -> None:
    if not changed:
        return
    removed = {put.key for put in puts if put.place is None}
    words = {put.key: put.place.words for put in puts if put.place}
    said = [f"{row.key} taken away" if row.key in removed else f"{row.key}: {words[row.key]}" for row in changed]
    record(
        actor, tenant, "references", f"{'; '.join(said)}.", {"keys": [row.key for row in changed], "places": words},
        environment=environment.name,
    )  # fmt: skip


def _rows(tenant: Tenant, environment: Environment) -> Any:
    rows = CredentialReference.objects.filter(tenant=tenant, environment=environment)
    return rows.select_related("newest", "promoted", "tenant", "environment")


def _row(tenant: Tenant, environment: Environment, key: str) -> CredentialReference:
    row: CredentialReference = _rows(tenant, environment).get(key=key)
    return row
