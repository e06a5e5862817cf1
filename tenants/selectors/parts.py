"""Tenants' parts of an environment, for the engine: what was put, what Git holds, what waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from controlpanel.catalog.models import Environment
from tenants.choices import ReferenceKind, Stage
from tenants.models import CredentialReference, Departure, ReferenceVersion
from tenants.parts import Reference, TenantPart

Which = Literal["newest", "promoted"]
_FIELDS = ("key", "kind", "store", "remote_key", "remote_property", "sealed_name", "sealed_key", "sealed_text", "value", "target_key")  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """What all tenants have in an environment at one moment. `versions`: `<slug>.<KEY>` → primary key of the version, removed
    ones too, which is what `references_promoted` is given after a commit."""

    parts: list[TenantPart]
    versions: dict[str, int]


def snapshot(environment: Environment, which: Which = "newest") -> Snapshot:
    """Every tenant's part, by slug, references by key, in one statement. Tenants without references are left out, unless
    their ExternalSecret has to be emptied first (`is_leaving`)."""
    found: defaultdict[str, list[Reference]] = defaultdict(list)
    versions: dict[str, int] = {}
    leaving: set[str] = set()
    for slug, is_leaving, is_removed, version, *fields in _rows(environment, which):
        versions[f"{slug}.{fields[0]}"] = version
        if is_leaving:
            leaving.add(slug)
        if not is_removed:
            found[slug].append(Reference(version=version, **dict(zip(_FIELDS, fields, strict=True))))
    parts = [_part(slug, found[slug], has_to_be_emptied=slug in leaving) for slug in sorted(found.keys() | leaving)]
    return Snapshot(parts, versions)


def _part(slug: str, references: Sequence[Reference], *, has_to_be_emptied: bool) -> TenantPart:
    is_external = any(one.kind == ReferenceKind.EXTERNAL_SECRET for one in references)
    return TenantPart(slug=slug, references=tuple(references), is_leaving=has_to_be_emptied and not is_external)


def parts(environment: Environment, which: Which = "newest") -> list[TenantPart]:
    """Every tenant's part, as of `snapshot`."""
    return snapshot(environment, which).parts


def versions(environment: Environment, which: Which = "newest") -> dict[str, int]:
    """Every reference's version, as of `snapshot`."""
    return snapshot(environment, which).versions


def _rows(environment: Environment, which: Which) -> Iterable[tuple[Any, ...]]:
    """By key alone, which an index has; slugs are told apart by whoever reads."""
    departures = Departure.objects.filter(environment=environment, stage=Stage.KEYS, tenant=OuterRef("tenant"))
    columns = ["key" if name == "key" else f"{which}__{name}" for name in _FIELDS]
    rows = CredentialReference.objects.filter(environment=environment, **{f"{which}__isnull": False}).order_by("key")
    return rows.values_list("tenant__slug", Exists(departures), f"{which}__is_removed", f"{which}_id", *columns)


def pending(environment: Environment) -> QuerySet[CredentialReference]:
    """References whose newest version Git does not hold, by tenant and key, with both versions read."""
    differs = Q(promoted=None) | ~Q(newest=F("promoted"))
    rows = CredentialReference.objects.filter(differs, newest__isnull=False, environment=environment)
    return rows.select_related("tenant", "newest", "promoted").order_by("tenant__slug", "key")


def version_rows(keys: Sequence[int]) -> dict[int, ReferenceVersion]:
    """Versions by primary key, with their references and tenants: what a promotion's record names."""
    rows = ReferenceVersion.objects.filter(pk__in=keys).select_related("reference__tenant", "reference__environment")
    return {row.pk: row for row in rows}
