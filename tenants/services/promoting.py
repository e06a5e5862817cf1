"""What the engine tells: which versions Git holds now, what is live, what a release needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from controlpanel.accounts.actors import SYSTEM, Actor
from controlpanel.catalog.models import Environment, Variable
from controlpanel.core import audit
from controlpanel.core.lease import Clock, StatementTime
from tenants.checklist.asking import REMEMBERED
from tenants.choices import Stage
from tenants.models import CredentialReference, Departure, EnvironmentValue, KeyNeed
from tenants.services.readiness import readiness_lock, readiness_recompute, readiness_refresh
from tenants.services.reference_rows import departures_settle

_PROMOTE = """
UPDATE tenants_credentialreference AS reference SET promoted_id = new.promoted,
  standing = CASE WHEN verified_version_id = new.promoted THEN standing ELSE 'unverified' END,
  message = CASE WHEN verified_version_id = new.promoted THEN message ELSE '' END,
  checked_at = CASE WHEN verified_version_id = new.promoted THEN checked_at END
FROM unnest(%s::bigint[], %s::bigint[]) AS new(id, promoted) WHERE reference.id = new.id
"""


@dataclass(frozen=True, kw_only=True)
class LiveValue:
    """How the live files give an environment-scoped key: set, referenced or missing, `where` (the file), `value` unless secret."""

    key: str
    state: str
    where: str = ""
    value: str = ""


@transaction.atomic
def references_promoted(environment: Environment, versions: Mapping[str, int], *, actor: Actor = SYSTEM) -> list[str]:
    """Make these versions (`<slug>.<KEY>` → primary key) the promoted ones; called when a `tenant_config` or a rollback has
    committed. References that are not named are in Git no more. Later edits stay pending. Returns the slugs that changed.
    """
    tenants = {tenant for _, tenant, _ in _differing(environment, versions)}
    readiness_lock(environment, tenants)
    moves = _differing(environment, versions)
    with connection.cursor() as cursor:
        cursor.execute(_PROMOTE, [[pk for pk, _, _ in moves], [version for _, _, version in moves]])
    departures_settle(environment, tenants)
    changed = readiness_recompute(environment, tenants)
    if moves:
        audit.record(
            actor=actor, action="tenant.promoted", environment=environment.name,
            message=f"References of {len(tenants)} tenants in {environment.name} are what Git holds now.",
            details={"references": len(moves), "tenants": len(tenants)},
        )  # fmt: skip
    return changed


def departures_cleared(environment: Environment, slugs: Collection[str]) -> None:
    """The keys of these tenants have left the shard's Secret: the next `tenant_config` may take the object away."""
    rows = Departure.objects.filter(environment=environment, tenant__slug__in=slugs, stage=Stage.KEYS)
    rows.update(stage=Stage.OBJECT, changed_at=StatementTime())


def departures_done(environment: Environment, slugs: Collection[str]) -> None:
    """The objects of these tenants are gone from Git."""
    Departure.objects.filter(environment=environment, tenant__slug__in=slugs, stage=Stage.OBJECT).delete()


def environment_values_record(environment: Environment, values: Sequence[LiveValue], *, actor: Actor = SYSTEM) -> None:
    """Store what is live (after a promotion that succeeded) and, where that differs, compute all readiness anew; sign-offs of
    changed values become stale. Keys that are no environment-scoped variables of the catalog are left out, and values of secrets are not kept."""
    secrets = dict(Variable.objects.filter(scope="environment").values_list("key", "is_secret"))
    rows = [
        EnvironmentValue(
            environment=environment, key=one.key, state=one.state, where=one.where[:500],
            value="" if secrets[one.key] else one.value[:500],
        )
        for one in values
        if one.key in secrets
    ]  # fmt: skip
    known = EnvironmentValue.objects.filter(environment=environment)
    if {(row.key, row.state, row.value, row.where) for row in known} == {
        (row.key, row.state, row.value, row.where) for row in rows
    }:
        return
    with transaction.atomic():
        EnvironmentValue.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["environment", "key"], update_fields=["state", "value", "where"]
        )
        known.exclude(key__in=[row.key for row in rows]).delete()
    readiness_refresh(environment)


def items_for_release(environment: Environment, needed_keys: Collection[str], release_version: str) -> None:
    """A release needs these tenant-scoped keys: open an item for every served tenant that lacks one. They count for this
    release alone until `release_is_live`. Safe to call again, which reminds of needs that would be forgotten; what
    it needed before and does not any more is forgotten."""
    known, now = KeyNeed.objects.filter(environment=environment, release_version=release_version), Clock()()
    before, needed = dict(known.values_list("key", "recorded_at")), sorted(set(needed_keys))
    if before.keys() == set(needed) and all(at > now - REMEMBERED / 2 for at in before.values()):
        return
    rows = [
        KeyNeed(environment=environment, release_version=release_version, key=key, recorded_at=now) for key in needed
    ]
    with transaction.atomic():
        known.exclude(key__in=needed).delete()
        KeyNeed.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["environment", "release_version", "key"], update_fields=["recorded_at"],
        )  # fmt: skip
    readiness_refresh(environment)


def release_is_live(environment: Environment, release_version: str) -> None:
    """The release runs: what it needs is required of everybody from now on, what only the one before needed is not."""
    rows = KeyNeed.objects.filter(environment=environment)
    with transaction.atomic():
        ended = rows.filter(is_live=True).exclude(release_version=release_version).update(is_live=False)
        begun = rows.filter(is_live=False, release_version=release_version).update(is_live=True)
    if ended or begun:
        readiness_refresh(environment)


def _differing(environment: Environment, versions: Mapping[str, int]) -> list[tuple[int, int, int | None]]:
    """(reference, tenant, version) of every reference whose promoted version is to be another one."""
    rows = CredentialReference.objects.filter(environment=environment).order_by("pk")
    found = rows.values_list("pk", "tenant", "tenant__slug", "key", "promoted")
    wanted = ((pk, tenant, promoted, versions.get(f"{slug}.{key}")) for pk, tenant, slug, key, promoted in found)
    return [(pk, tenant, version) for pk, tenant, promoted, version in wanted if promoted != version]
