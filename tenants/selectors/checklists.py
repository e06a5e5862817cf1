"""A tenant's checklist in one environment, with all that its page and the API show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controlpanel.catalog.models import Environment, Variable
from controlpanel.core.models import AuditEvent
from tenants.models import ChecklistItem, CredentialReference, EnvironmentValue, ItemChange, SignOff, Tenant


@dataclass(frozen=True, kw_only=True)
class Line:
    """One item. `variable` is the catalog's, None for keys that only a release or the checklist names. `reference` is read
    with `newest` and `promoted`. `stale` says what changed since `sign_off`: [] for nothing. `signable` is whether signing it
    would be taken now, else `unsignable` says why."""

    item: ChecklistItem
    variable: Variable | None
    reference: CredentialReference | None
    value: EnvironmentValue | None
    sign_off: SignOff | None
    stale: tuple[str, ...]
    needs_sign_off: bool
    unsignable: str
    due_at: datetime | None = None

    @property
    def signable(self) -> bool:
        """Whether a sign-off would be taken now."""
        return not self.unsignable


def checklist(tenant: Tenant, environment: Environment) -> list[Line]:
    """The items in the catalog's order, retired ones left out; a constant number of queries."""
    raise NotImplementedError


def item_find(tenant: Tenant, environment: Environment, key: str, type: str = "") -> ChecklistItem:
    """The item of that key (and type, where a key has several). Raises `AbsentError`."""
    raise NotImplementedError


def item_history(item: ChecklistItem, limit: int = 50) -> list[ItemChange]:
    """How the item moved, newest first."""
    return list(item.changes.all()[:limit])


def tenant_history(tenant: Tenant, limit: int = 50) -> list[AuditEvent]:
    """What people and the panel did to the tenant, newest first."""
    return list(AuditEvent.objects.filter(target=tenant.slug, action__startswith="tenant.")[:limit])
