"""Tenants' parts of an environment, for the engine: what was put, what Git holds, what waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from django.db.models import F, Q, QuerySet

from controlpanel.catalog.models import Environment
from tenants.choices import Stage
from tenants.models import CredentialReference, Departure, ReferenceVersion
from tenants.parts import Reference, TenantPart

Which = Literal["newest", "promoted"]
_FIELDS = ("key", "kind", "store", "remote_key", "remote_property", "sealed_name", "sealed_key", "sealed_text", "value", "target_key")  # fmt: skip


def parts(environment: Environment, which: Which = "newest") -> list[TenantPart]:
    """Every tenant's part, by slug, references by key; two queries. Tenants without references are left out, unless
    their object has to be emptied first (`is_leaving`)."""
    found: defaultdict[str, list[Reference]] = defaultdict(list)
    columns = ["key" if name == "key" else f"{which}__{name}" for name in _FIELDS]
    rows = CredentialReference.objects.filter(environment=environment, **{f"{which}__is_removed": False})
    for slug, version, *fields in rows.order_by("tenant__slug", "key").values_list(
        "tenant__slug", f"{which}_id", *columns
    ):
        found[slug].append(Reference(version=version, **dict(zip(_FIELDS, fields, strict=True))))
    leaving = set(
        Departure.objects.filter(environment=environment, stage=Stage.KEYS).values_list("tenant__slug", flat=True)
    )
    return [
        TenantPart(slug=slug, references=tuple(found.get(slug, ())), is_leaving=slug not in found)
        for slug in sorted(found.keys() | leaving)
    ]


def versions(environment: Environment, which: Which = "newest") -> dict[str, int]:
    """`<slug>.<KEY>` → primary key of the version, removed ones too: what `references_promoted` is given after a commit."""
    rows = CredentialReference.objects.filter(environment=environment, **{f"{which}__isnull": False})
    return {f"{slug}.{key}": version for slug, key, version in rows.values_list("tenant__slug", "key", f"{which}_id")}


def pending(environment: Environment) -> QuerySet[CredentialReference]:
    """References whose newest version Git does not hold, by tenant and key, with both versions read."""
    differs = Q(promoted=None) | ~Q(newest=F("promoted"))
    rows = CredentialReference.objects.filter(differs, newest__isnull=False, environment=environment)
    return rows.select_related("tenant", "newest", "promoted").order_by("tenant__slug", "key")


def version_rows(keys: Sequence[int]) -> dict[int, ReferenceVersion]:
    """Versions by primary key, with their references and tenants: what a promotion's record names."""
    rows = ReferenceVersion.objects.filter(pk__in=keys).select_related("reference__tenant", "reference__environment")
    return {row.pk: row for row in rows}
