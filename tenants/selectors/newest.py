"""Tenants in the order in which they came, for the API, and how ready they are where the actor may see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Exists, OuterRef, QuerySet

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Right
from tenants.choices import UNMET, TenantState
from tenants.models import ChecklistItem, Readiness, Tenant
from tenants.selectors.listing import READINESS, Filter
from tenants.selectors.readiness import readiness_of
from tenants.selectors.seeing import tenants_visible


def tenants_matching(actor: Actor, chosen: Filter, here: Environment | None) -> QuerySet[Tenant]:
    """What the filter finds; `here` is where readiness and missing keys are asked, None where only text and state narrow."""
    rows = tenants_visible(actor, here.name if here is not None else None)
    rows = rows.filter(state=chosen.state) if chosen.state else rows.exclude(state=TenantState.OFFBOARDED)
    if words := chosen.text.strip().lower()[:100]:
        rows = rows.filter(search_text__contains=words)
    if here is not None and chosen.readiness:
        same = Readiness.objects.filter(READINESS[chosen.readiness], tenant=OuterRef("pk"), environment=here)
        rows = rows.filter(Exists(same))
    if here is not None and chosen.missing:
        unmet = ChecklistItem.objects.filter(environment=here, key=chosen.missing, state__in=UNMET, is_retired=False)
        rows = rows.filter(Exists(unmet.filter(tenant=OuterRef("pk"))))
    return rows


def readiness_seen(
    actor: Actor, tenants: Iterable[Tenant], environments: Sequence[Environment]
) -> Mapping[int, tuple[Readiness | None, ...]]:
    """Tenant's primary key → its readiness in each environment, in their order, None where the actor may not see it; one query."""
    rows = list(tenants)
    found = readiness_of((row.pk for row in rows), environments)
    return {
        row.pk: tuple(
            found.get((row.pk, one.pk)) if actor.may(Right.TENANT_VIEW, one.name, row.slug) else None
            for one in environments
        )
        for row in rows
    }
