"""The keys that a tenant gives in an environment, and what stands there now: the lines of the form of references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controlpanel.catalog.models import Environment, Variable
from tenants.choices import ItemSource
from tenants.models import ChecklistItem, CredentialReference, ReferenceVersion, Tenant
from tenants.selectors.checklists import references_of


@dataclass(frozen=True, kw_only=True)
class Askable:
    """One tenant-scoped key. `release_version` is the release that asks for it, "" for the catalog."""

    key: str
    is_secret: bool
    on_checklist: bool
    release_version: str
    reference: CredentialReference | None

    @property
    def version(self) -> ReferenceVersion | None:
        """What stands there now, None for nothing."""
        newest = self.reference.newest if self.reference is not None else None
        return None if newest is None or newest.is_removed else newest


def askables(tenant: Tenant, environment: Environment) -> list[Askable]:
    """The catalog's keys of tenants first, then those that releases ask for, then what stands there besides; three queries."""
    there = {row.key: row for row in references_of(tenant, environment)}
    variables = {row.key: row for row in Variable.objects.filter(scope="tenant").order_by("pk")}
    asked = _of_releases(tenant, environment)
    keys = [*variables, *(key for key in asked if key not in variables)]
    keys += [
        key for key, row in there.items() if key not in keys and row.newest is not None and not row.newest.is_removed
    ]
    return [
        Askable(
            key=key, is_secret=variables[key].is_secret if key in variables else True,
            on_checklist=variables[key].on_checklist if key in variables else key in asked,
            release_version=asked.get(key, ""), reference=there.get(key),
        )
        for key in keys
    ]  # fmt: skip


def checklist_keys() -> list[str]:
    """The keys that can be missing, as the catalog names them."""
    return list(Variable.objects.filter(on_checklist=True).order_by("pk").values_list("key", flat=True))


def _of_releases(tenant: Tenant, environment: Environment) -> Mapping[str, str]:
    rows = ChecklistItem.objects.filter(
        tenant=tenant, environment=environment, source=ItemSource.RELEASE, is_retired=False
    )
    return dict(rows.order_by("key").values_list("key", "release_version"))
