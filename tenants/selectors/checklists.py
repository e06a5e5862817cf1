"""A tenant's checklist in one environment, with all that its page and the API show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment, Variable
from controlpanel.core.errors import AbsentError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right
from tenants.models import (
    ChecklistItem,
    CredentialReference,
    EnvironmentValue,
    ItemChange,
    ReviewRequest,
    SignOff,
    Tenant,
)
from tenants.selectors.seeing import environments_visible

IMPORT = "tenant.import"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One item. `variable` is the catalog's, None for keys that only a release or the checklist names. `reference` is read
    with `newest` and `promoted`. `stale` says what changed since `sign_off`, nothing for one that is not stale."""

    item: ChecklistItem
    variable: Variable | None
    reference: CredentialReference | None
    value: EnvironmentValue | None

    @property
    def sign_off(self) -> SignOff | None:
        """The one that stands."""
        return self.item.sign_off

    @property
    def stale(self) -> tuple[str, ...]:
        """What changed since it was signed, in words."""
        return tuple(self.item.changes_since)

    @property
    def unsignable(self) -> str:
        """Why a sign-off would be refused now; "" where it would be taken."""
        return self.item.unsignable if self.item.needs_sign_off else "The panel looks at it by itself."

    @property
    def signable(self) -> bool:
        """Whether a sign-off would be taken now."""
        return not self.unsignable

    @property
    def rotate_by(self) -> datetime | None:
        """When the secret is due for a new value, counted from the newest version."""
        row = self.reference
        if row is None or row.newest is None or row.rotation_days is None:
            return None
        return row.newest.created_at + timedelta(days=row.rotation_days)


def checklist(tenant: Tenant, environment: Environment) -> list[Line]:
    """The items in the catalog's order, retired ones left out; four queries."""
    items = ChecklistItem.objects.filter(tenant=tenant, environment=environment, is_retired=False)
    references = {row.key: row for row in references_of(tenant, environment)}
    variables = {row.key: row for row in Variable.objects.all()}
    values = {row.key: row for row in EnvironmentValue.objects.filter(environment=environment)}
    return [
        Line(item=item, variable=variables.get(item.key), reference=references.get(item.key), value=values.get(item.key))
        for item in items.select_related("sign_off", "tenant", "environment").order_by("position", "key", "type")
    ]  # fmt: skip


def references_of(tenant: Tenant, environment: Environment) -> QuerySet[CredentialReference]:
    """The tenant's references there by key, those too that no item asks for; removed ones are among them."""
    rows = CredentialReference.objects.filter(tenant=tenant, environment=environment)
    return rows.select_related("newest", "promoted", "tenant", "environment").order_by("key")


def item_find(actor: Actor, tenant: Tenant, environment: Environment, key: str, type: str = "") -> ChecklistItem:
    """The item of that key (and type, where a key has several), or of that id. Raises `AbsentError`."""
    actor.require(Right.TENANT_VIEW, environment.name, tenant.slug)
    rows = ChecklistItem.objects.filter(tenant=tenant, environment=environment, is_retired=False, key=key[:100])
    rows = rows.filter(type=type) if type else rows
    found = rows.select_related("tenant", "environment", "sign_off").order_by("position").first()
    if found is None:
        raise AbsentError(f"{tenant.slug} has no such item in {environment.name}.", "See the checklist.")
    return found


def item_history(item: ChecklistItem, limit: int = 50) -> list[ItemChange]:
    """How the item moved, newest first."""
    return list(item.changes.all()[:limit])


def tenant_history(actor: Actor, tenant: Tenant) -> QuerySet[AuditEvent]:
    """What people and the panel did to the tenant, newest first, as far as the actor may see: of no environment in particular,
    and of those where the tenant is theirs to see."""
    places = [one.name for one in environments_visible(actor, tenant.slug)]
    own = Q(target=tenant.slug, action__startswith="tenant.") & (Q(environment="") | Q(environment__in=places))
    # One event for all tenants of an import, whose words count them.
    named = Q(details__created__contains=[tenant.slug]) | Q(details__changed__contains=[tenant.slug])
    return AuditEvent.objects.filter(own | Q(action=IMPORT) & named)


def reviews_visible(actor: Actor) -> QuerySet[ReviewRequest]:
    """Requests, open and closed, for tenants that are the actor's to see."""
    if actor.may(Right.TENANT_VIEW, "", ""):  # everything
        return ReviewRequest.objects.select_related("tenant", "environment")
    mine = Q(pk__in=[])
    for environment in environments_visible(actor):
        slugs = actor.tenants(Right.TENANT_VIEW, environment.name)
        mine |= Q(environment=environment) & (Q() if slugs is None else Q(tenant__slug__in=slugs))
    return ReviewRequest.objects.filter(mine).select_related("tenant", "environment")


def reviews_open(actor: Actor) -> QuerySet[ReviewRequest]:
    """The review queue: open requests, the oldest first."""
    return reviews_visible(actor).filter(closed_at=None).order_by("requested_at", "pk")


def review_find(actor: Actor, identifier: str) -> ReviewRequest:
    """A request, open or closed. Raises `AbsentError` for an absent or foreign one."""
    row = ReviewRequest.objects.select_related("tenant", "environment").filter(pk=identifier).first()
    if row is None or not actor.may(Right.TENANT_VIEW, row.environment.name, row.tenant.slug):
        raise AbsentError("There is no such review, or it is not yours to see.", "See the review queue.")
    return row


def lines_of(tenants: Sequence[Tenant], environment: Environment) -> QuerySet[ChecklistItem]:
    """Items of several tenants at once, for the grid tenant × key; one query."""
    rows = ChecklistItem.objects.filter(tenant__in=tenants, environment=environment, is_retired=False)
    return rows.select_related("sign_off").order_by("tenant__slug", "position", "key", "type")
