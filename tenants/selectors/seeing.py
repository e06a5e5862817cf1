"""Whose tenants: every list, count, search, event and export begins here."""

from __future__ import annotations

from django.db.models import QuerySet

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import AbsentError
from controlpanel.core.permissions import Right
from tenants.models import Tenant


def tenants_visible(actor: Actor, environment: str | None = None, right: Right = Right.TENANT_VIEW) -> QuerySet[Tenant]:
    """The tenants for which the actor has the right in the environment (None: in any)."""
    slugs = actor.tenants(right, environment)
    return Tenant.objects.all() if slugs is None else Tenant.objects.filter(slug__in=slugs)


def tenant_find(actor: Actor, slug: str) -> Tenant:
    """The tenant. Raises `AbsentError` for one that is absent or not the actor's to see: both read the same."""
    found = Tenant.objects.filter(slug=slug).first()
    if found is None or not actor.may(Right.TENANT_VIEW, tenant=slug):
        raise AbsentError("There is no such tenant, or it is not yours to see.", "See GET /api/v1/tenants.")
    return found


def environments_visible(
    actor: Actor, tenant: str | None = None, right: Right = Right.TENANT_VIEW
) -> list[Environment]:
    """The environments of the current catalog in which the actor has the right for the tenant (None: for any), as in the pipeline."""
    return [one for one in Environment.objects.filter(is_retired=False) if actor.may(right, one.name, tenant)]


def environment_find(actor: Actor, name: str, tenant: str | None = None) -> Environment:
    """The environment. Raises `AbsentError` where it is absent or none of the actor's tenants is to be seen there."""
    found = Environment.objects.filter(name=name, is_retired=False).first()
    if found is None or not actor.may(Right.TENANT_VIEW, name, tenant):
        raise AbsentError("There is no such environment, or it is not yours to see.", "See GET /api/v1/environments.")
    return found


def may_listen(actor: Actor, topic: str) -> bool:
    """Whether the actor may hear that `tenant.<slug>` changed; the bare `tenant` says that some tenant did."""
    slug = topic.partition(".")[2].partition(".")[0]
    return actor.may(Right.TENANT_VIEW, tenant=slug or None)
