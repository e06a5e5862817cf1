"""Writing references of many tenants at once: a constant number of statements for each batch."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max

from controlpanel.catalog.models import Environment
from controlpanel.core.lease import Clock
from tenants.choices import ReferenceKind, Stage
from tenants.models import CredentialReference, Departure, ReferenceVersion, Tenant
from tenants.parts import Reference, target_key


@dataclass(frozen=True, kw_only=True)
class Put:
    """What one key of one tenant becomes; `place` None takes it away. `owner`, `rotation_days` None leave them as they are."""

    tenant: Tenant
    key: str
    place: Reference | None
    owner: str | None = None
    rotation_days: int | None = None


def references_write(
    environment: Environment, puts: Sequence[Put], *, by: str, change_set: uuid.UUID | None = None
) -> list[CredentialReference]:
    """Write what differs as new versions and return those references. The readiness of the tenants is locked by the caller.

    A place that Git holds already becomes the promoted version again: nothing is pending then.
    """
    rows = _rows(environment, puts)
    numbers = _numbers(rows.values())
    changed, made, now = [], [], Clock()()
    for put in puts:
        row = rows.get((put.tenant.pk, put.key))
        if row is None:  # what never was is taken away
            continue
        is_kept = _keep(row, put)
        if _holds(row.newest, put):
            changed += [row] if is_kept else []
            continue
        made.append((put, _version(row, put, numbers.get(row.pk, 0) + 1, by, change_set, now)))
        changed.append(row)
    ReferenceVersion.objects.bulk_create([version for _, version in made])
    for put, version in made:
        row = rows[put.tenant.pk, put.key]
        row.newest = row.promoted if _holds(row.promoted, put) else version
    references_update(changed, ["newest", "owner", "rotation_days"])
    departures_settle(environment, {put.tenant.pk for put in puts})
    return changed


def references_update(rows: Sequence[CredentialReference], columns: Sequence[str]) -> None:
    """Write columns of rows that are there, by one statement: `bulk_update` writes a case for each row and column."""
    CredentialReference.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["tenant", "environment", "key"], update_fields=columns
    )


def departures_settle(environment: Environment, tenants: Collection[int]) -> None:
    """Note which tenants have nothing left but an object in Git, and forget those that have references again."""
    of = CredentialReference.objects.filter(
        environment=environment, tenant__in=tenants, newest__kind=ReferenceKind.EXTERNAL_SECRET
    )
    stay = set(of.filter(newest__is_removed=False).values_list("tenant", flat=True))
    in_git = CredentialReference.objects.filter(
        environment=environment,
        tenant__in=tenants,
        promoted__kind=ReferenceKind.EXTERNAL_SECRET,
        promoted__is_removed=False,
    )
    leave = set(in_git.values_list("tenant", flat=True)) - stay
    Departure.objects.filter(environment=environment, tenant__in=stay).delete()
    Departure.objects.bulk_create(
        (Departure(environment=environment, tenant_id=pk, stage=Stage.KEYS) for pk in sorted(leave)),
        update_conflicts=True, unique_fields=["tenant", "environment"], update_fields=["stage"],
    )  # fmt: skip


def _rows(environment: Environment, puts: Sequence[Put]) -> dict[tuple[int, str], CredentialReference]:
    """The references, made where one is put for the first time."""
    CredentialReference.objects.bulk_create(
        (CredentialReference(tenant=put.tenant, environment=environment, key=put.key) for put in puts if put.place),
        ignore_conflicts=True,
    )  # fmt: skip
    rows = CredentialReference.objects.filter(
        environment=environment, tenant__in={put.tenant.pk for put in puts}, key__in={put.key for put in puts}
    )
    return {(row.tenant_id, row.key): row for row in rows.select_related("newest", "promoted", "tenant")}


def _numbers(rows: Iterable[CredentialReference]) -> Mapping[int, int]:
    found = ReferenceVersion.objects.filter(reference__in=[row.pk for row in rows])
    return dict(found.order_by().values_list("reference").annotate(last=Max("number")))


def _holds(version: ReferenceVersion | None, put: Put) -> bool:
    """Whether the version says what is put; no version at all says "nothing", as a removal does."""
    if version is None or version.is_removed:
        return put.place is None
    return put.place is not None and version.place(put.key) == put.place.place


def _keep(row: CredentialReference, put: Put) -> bool:
    """Take over owner and rotation; whether they differ."""
    before = (row.owner, row.rotation_days)
    row.owner = row.owner if put.owner is None else put.owner
    row.rotation_days = row.rotation_days if put.rotation_days is None else put.rotation_days
    return (row.owner, row.rotation_days) != before


def _version(
    row: CredentialReference, put: Put, number: int, by: str, change_set: uuid.UUID | None, now: datetime
) -> ReferenceVersion:
    fields: dict[str, Any] = {
        "kind": row.newest.kind if row.newest else ReferenceKind.EXTERNAL_SECRET,
        "is_removed": True,
    }
    if put.place is not None:
        fields = {name: text for name, text in asdict(put.place).items() if name not in ("key", "version")}
    fields |= {"target_key": target_key(put.tenant.slug, put.key)}
    return ReferenceVersion(
        reference=row, number=number, change_set=change_set, created_by=by, created_at=now, **fields
    )
