"""From facts to the state of items and the readiness of a tenant: values in, values out; the rows are written elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tenants.checklist.asking import Basis
from tenants.checklist.base import Asked, Facts, Finding, types
from tenants.choices import ItemSource, ItemState, Standing, TenantState
from tenants.models import ChecklistItem, CredentialReference, Observation, Tenant
from tenants.parts import digest_of

DONE = (ItemState.MET, ItemState.WAIVED)


@dataclass(frozen=True, kw_only=True)
class Own:
    """A tenant's own rows in one environment."""

    tenant: Tenant
    items: Mapping[tuple[str, str], ChecklistItem]
    references: Mapping[str, CredentialReference]
    observations: Mapping[tuple[str, str], Observation]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """All items of the tenant as they should be, when time changes that, and the columns of its readiness."""

    items: tuple[ChecklistItem, ...]
    readiness: dict[str, Any]


def judge(own: Own, basis: Basis) -> Judged:
    """Items that are asked for are judged, others retired; rows are changed in memory only."""
    if own.tenant.state == TenantState.OFFBOARDED:
        return _nothing_asked(own)
    moments: list[datetime] = []
    judged = []
    for asked in basis.asked:
        item = own.items.get((asked.key, asked.type))
        if item is None:
            if not _is_lacking(asked, own):
                continue
            item = ChecklistItem(tenant=own.tenant, environment=basis.environment, key=asked.key, type=asked.type)
        moments += _judge_item(item, asked, own, basis)
        judged.append(item)
    retired = _retired(own, {(one.key, one.type) for one in judged})
    return Judged(items=(*judged, *retired), readiness=_readiness(judged, own, moments))


def _judge_item(item: ChecklistItem, asked: Asked, own: Own, basis: Basis) -> list[datetime]:
    """Write the answer into the row; returns the moments at which time alone changes it."""
    kind = types[asked.type]
    finding = kind.evaluate(_facts(asked, own, basis))
    item.source = ItemSource.RELEASE if asked.release_version else ItemSource.CATALOG
    item.release_version, item.owner_role, item.position = asked.release_version, asked.owner_role, asked.position
    item.is_required, item.is_retired, item.needs_sign_off = asked.is_required, False, kind.needs_sign_off
    item.snapshot, item.subject, item.unsignable = (
        dict(finding.snapshot),
        digest_of(finding.snapshot),
        finding.unsignable,
    )
    item.found = finding.state
    item.state, item.evidence = _state(item, finding, basis.now)
    holds = item.state == ItemState.WAIVED and item.waived_until
    return [moment for moment in (finding.until, item.waived_until if holds else None) if moment]


def _facts(asked: Asked, own: Own, basis: Basis) -> Facts:
    return Facts(
        asked=asked, slug=own.tenant.slug, environment=basis.environment.name, reference=own.references.get(asked.key),
        value=basis.values.get(asked.key), is_anything_live=bool(basis.values),
        observation=own.observations.get((asked.type, asked.key)), now=basis.now,
    )  # fmt: skip


def _state(item: ChecklistItem, finding: Finding, now: datetime) -> tuple[ItemState, str]:
    state, evidence = _signed(item, finding)
    if state in DONE or item.waived_until is None or item.waived_until <= now:
        return state, evidence
    return ItemState.WAIVED, f"Waived by {item.waived_by}: {item.waived_reason}"


def _signed(item: ChecklistItem, finding: Finding) -> tuple[ItemState, str]:
    """What is met has to be signed besides, where the type needs that."""
    if finding.state != ItemState.MET or not item.needs_sign_off:
        return finding.state, finding.evidence
    if item.sign_off is None:
        return ItemState.OPEN, f"Not signed. {finding.evidence}"
    if item.is_stale:
        return ItemState.OPEN, f"The sign-off of {item.sign_off.by} is stale: {', '.join(item.changes_since)}."
    return ItemState.MET, finding.evidence


def _is_lacking(asked: Asked, own: Own) -> bool:
    """What only a release asks for becomes an item of those tenants alone whose reference Git does not hold or finds nothing."""
    if not asked.release_version or asked.default:
        return not asked.release_version
    reference = own.references.get(asked.key)
    if reference is None or reference.newest is None or reference.newest.is_removed:
        return True
    return reference.is_pending or reference.standing == Standing.FAILING


def _retired(own: Own, asked: set[tuple[str, str]]) -> list[ChecklistItem]:
    rows = [item for name, item in own.items.items() if name not in asked]
    for item in rows:
        item.is_retired = True
    return rows


def _nothing_asked(own: Own) -> Judged:
    retired = tuple(_retired(own, set()))
    return Judged(items=retired, readiness=_readiness([], own, []) | {"is_ready": False})


def _readiness(items: list[ChecklistItem], own: Own, moments: Iterable[datetime]) -> dict[str, Any]:
    required = [item for item in items if item.is_required]
    missing = [item for item in required if item.state not in DONE]
    signing = [item for item in required if item.needs_sign_off]
    signed = [item.sign_off for item in signing if item.sign_off and not item.is_stale]
    return {
        "slug": own.tenant.slug,
        "state": own.tenant.state,
        "required": len(required),
        "met": len(required) - len(missing),
        "waived": sum(item.state == ItemState.WAIVED for item in required),
        "signed": len(signed),
        "stale": sum(item.is_stale for item in signing),
        "unsigned": sum(item.sign_off is None for item in signing),
        "pending": sum(reference.is_pending for reference in own.references.values()),
        "is_ready": not missing,
        "first_missing": missing[0].key if missing else "",
        "first_reason": missing[0].evidence if missing else "",
        "signed_at": max((one.at for one in signed), default=None),
        "part_digest": digest_of([[item.key, item.type, item.subject] for item in required]),
        "recheck_at": min(moments, default=None),
    }
