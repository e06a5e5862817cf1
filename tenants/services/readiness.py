"""The one place that says whether items are met and tenants ready: computed again in every transaction that changes an input."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from controlpanel.catalog.models import Environment
from controlpanel.core import audit, live
from controlpanel.core.lease import Clock, StatementTime
from tenants.checklist.asking import Basis, basis_of
from tenants.checklist.judging import Judged, Own, judge
from tenants.choices import ItemState
from tenants.models import (
    ChecklistBasis,
    ChecklistItem,
    CredentialReference,
    ItemChange,
    Observation,
    Readiness,
    Tenant,
)

BATCH = 500
TOLD_BY_NAME = 50
"""Tenants that browsers are told of one by one; of more than these only that some changed."""
ITEM_COLUMNS = (
    "source", "release_version", "is_required", "is_retired", "owner_role", "position", "needs_sign_off", "found", "state", "evidence",
    "subject", "snapshot", "unsignable",
)  # fmt: skip
READINESS_COLUMNS = (
    "slug", "state", "required", "met", "waived", "signed", "stale", "unsigned", "pending", "is_ready", "first_missing",
    "first_reason", "signed_at", "part_digest", "recheck_at",
)  # fmt: skip


def readiness_lock(environment: Environment, tenants: Collection[Any] | None = None) -> None:
    """Lock the readiness of these tenants (primary keys; None: all) until the transaction ends; rows are made where none is.

    Called before an input is changed and before the first audit event: who waited here reads what the other wrote. Several
    environments are locked in the order of their primary keys.
    """
    chosen = Tenant.objects.all() if tenants is None else Tenant.objects.filter(pk__in=tenants)
    missing, now = list(chosen.exclude(readiness__environment=environment).order_by("pk")), Clock()()
    Readiness.objects.bulk_create(
        (
            Readiness(tenant=one, environment=environment, slug=one.slug, state=one.state, changed_at=now)
            for one in missing
        ),
        ignore_conflicts=True,  # somebody else makes the same right now
    )
    rows = Readiness.objects.filter(environment=environment, **({} if tenants is None else {"tenant__in": tenants}))
    list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))


def readiness_recompute(
    environment: Environment, tenants: Collection[Any] | None = None, *, by: str = "panel"
) -> list[str]:
    """Compute items and readiness of these tenants (primary keys; None: all) anew, in batches, and write what differs.

    Within a transaction that holds `readiness_lock`. Tells browsers; returns the slugs of those of whom anything is to be seen
    that was not before.
    """
    basis = basis_of(environment)
    keys = sorted(Tenant.objects.values_list("pk", flat=True) if tenants is None else set(tenants))
    changed = [slug for some in _in_batches(keys) for slug in _recompute(basis, some, by)]
    _tell(environment, changed)
    return changed


def readiness_refresh(environment: Environment) -> list[str]:
    """Compute all tenants of an environment anew, a batch in a transaction, so that nobody waits for long; safe to run again."""
    changed: list[str] = []
    digest = basis_of(environment).digest
    for some in _in_batches(list(Tenant.objects.order_by("pk").values_list("pk", flat=True))):
        with transaction.atomic():
            readiness_lock(environment, some)
            changed += readiness_recompute(environment, some)
    ChecklistBasis.objects.update_or_create(environment=environment, defaults={"digest": digest})
    return changed


def readiness_tidy() -> int:
    """Refresh environments whose catalog, live values or needs changed since; returns how many (`watch` calls it now and then)."""
    known = dict(ChecklistBasis.objects.values_list("environment", "digest"))
    due = [one for one in Environment.objects.filter(is_retired=False) if known.get(one.pk) != basis_of(one).digest]
    for environment in due:
        readiness_refresh(environment)
    return len(due)


def readiness_lapse() -> int:
    """Compute anew where time alone changed something: a waiver lapsed, a look grew too old; returns for how many tenants."""
    count = 0
    lapsed = Readiness.objects.filter(recheck_at__lte=Now())
    for environment in Environment.objects.filter(pk__in=set(lapsed.values_list("environment", flat=True))).order_by(
        "pk"
    ):
        due = lapsed.filter(environment=environment).order_by("pk")
        for tenants in _in_batches(list(due.values_list("tenant", flat=True))):
            with transaction.atomic():
                _lapse(environment, tenants)
            count += len(tenants)
    return count


def _lapse(environment: Environment, tenants: Sequence[int]) -> None:
    readiness_lock(environment, tenants)
    lapsed = ChecklistItem.objects.filter(
        environment=environment, tenant__in=tenants, state=ItemState.WAIVED, waived_until__lte=StatementTime()
    )
    told = list(lapsed.select_related("tenant"))
    readiness_recompute(environment, tenants)
    for item in told:
        audit.record(
            actor=audit.SYSTEM, action="tenant.waiver_lapsed", environment=environment.name, target=item.tenant.slug,
            message=f"The waiver of {item.key} by {item.waived_by} has lapsed.",
        )  # fmt: skip


def _in_batches(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))


@dataclass
class _Batch:
    """What differs of some tenants; `told` are those of whom somebody sees something new, not only a later moment."""

    basis: Basis
    by: str
    items: list[ChecklistItem] = field(default_factory=list)
    changes: list[ItemChange] = field(default_factory=list)
    rows: list[Readiness] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def take(self, own: Own, row: Readiness) -> None:
        """Judge one tenant and keep what differs from its rows."""
        before = {item.pk: _said(item, ITEM_COLUMNS) for item in own.items.values()}
        states = {item.pk: item.state for item in own.items.values()}
        judged = judge(own, self.basis)
        differing = [item for item in judged.items if before.get(item.pk) != _said(item, ITEM_COLUMNS)]
        moved = [item for item in differing if item.state != states.get(item.pk)]
        self.items += differing
        self.changes += [
            ItemChange(
                item=item, was=states.get(item.pk, ""), becomes=item.state, evidence=item.evidence, by=self.by, at=self.basis.now
            )
            for item in moved
        ]  # fmt: skip
        columns = _update(row, judged, self.basis)
        if columns or differing:
            self.rows.append(row)
        if columns - {"recheck_at"} or differing:
            self.told.append(row.slug)


def _recompute(basis: Basis, keys: Sequence[int], by: str) -> list[str]:
    """One batch: five reads, at most three writes."""
    environment, batch = basis.environment, _Batch(basis, by)
    known = {row.tenant_id: row for row in Readiness.objects.filter(environment=environment, tenant__in=keys)}
    for own in _own_rows(environment, keys):
        row = known.get(own.tenant.pk) or Readiness(tenant=own.tenant, environment=environment, changed_at=basis.now)
        batch.take(own, row)
    _write(batch.items, batch.changes, batch.rows, basis)
    return batch.told


def _own_rows(environment: Environment, keys: Sequence[int]) -> Iterator[Own]:
    items = _by_tenant(
        ChecklistItem.objects.filter(environment=environment, tenant__in=keys).select_related("sign_off")
    )
    references = _by_tenant(
        CredentialReference.objects.filter(environment=environment, tenant__in=keys).select_related("newest")
    )
    observations = _by_tenant(Observation.objects.filter(environment=environment, tenant__in=keys))
    for tenant in Tenant.objects.filter(pk__in=keys).order_by("pk"):
        yield Own(
            tenant=tenant,
            items={(row.key, row.type): row for row in items[tenant.pk]},
            references={row.key: row for row in references[tenant.pk]},
            observations={(row.type, row.key): row for row in observations[tenant.pk]},
        )


def _by_tenant(rows: Iterable[Any]) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.tenant_id].append(row)
    return found


def _said(row: Any, columns: Sequence[str]) -> list[Any]:
    return [getattr(row, name) for name in columns]


def _update(row: Readiness, judged: Judged, basis: Basis) -> set[str]:
    """Bring the row up to date in memory; the columns that differ."""
    differing = {name for name, value in judged.readiness.items() if getattr(row, name) != value}
    if "is_ready" in differing:
        row.changed_at = basis.now
    for name in differing:
        setattr(row, name, judged.readiness[name])
    return differing


def _write(items: list[ChecklistItem], changes: list[ItemChange], rows: list[Readiness], basis: Basis) -> None:
    """Values only, no expressions: then Django sends one array for each column instead of a statement as long as the rows."""
    for item in items:
        item.updated_at = basis.now
    ChecklistItem.objects.bulk_create(
        items, update_conflicts=True, unique_fields=["tenant", "environment", "key", "type"],
        update_fields=[*ITEM_COLUMNS, "updated_at"],
    )  # fmt: skip
    ItemChange.objects.bulk_create(changes)
    Readiness.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "environment"],
        update_fields=[*READINESS_COLUMNS, "changed_at"],
    )


def _tell(environment: Environment, slugs: Sequence[str]) -> None:
    if not slugs:
        return
    for slug in slugs[:TOLD_BY_NAME] if len(slugs) <= TOLD_BY_NAME else ():
        live.publish(f"tenant.{slug}")
    live.publish("tenant")
    live.publish(f"environment.{environment.name}")
