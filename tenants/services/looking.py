"""Asking for another look at references in the cluster."""

from __future__ import annotations

from django.db import transaction

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core import audit, live
from controlpanel.core.errors import ConflictError
from controlpanel.core.permissions import Right
from tenants.choices import ReferenceKind
from tenants.models import CredentialReference, Tenant
from tenants.services import reference_looks


@transaction.atomic
def references_look(*, actor: Actor, tenant: Tenant, environment: Environment, key: str = "") -> int:
    """Make the tenant's promoted references (or the one of `key`) due for a look, which a worker takes at once. Returns how many.

    Raises `ConflictError` where Git holds none: there is nothing in the cluster to look at yet.
    """
    actor.require(Right.TENANT_CHECK, environment.name, tenant.slug)
    rows = CredentialReference.objects.filter(tenant=tenant, environment=environment, promoted__is_removed=False)
    rows = rows.exclude(promoted__kind=ReferenceKind.VALUE)  # those stand in Git, which is all there is to know
    rows = rows.filter(key=key) if key else rows
    keys = list(rows.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    if not keys:
        raise ConflictError(
            f"Git holds no {'such ' if key else ''}reference of {tenant.slug} in {environment.name} yet.",
            "Promote the configuration first.",
        )
    CredentialReference.objects.filter(pk__in=keys).update(checked_at=None)
    reference_looks.wake(environment, [tenant.slug])
    message = f"Asked for a look at {key or 'all references'}."
    audit.record(actor=actor, action="tenant.look", environment=environment.name, target=tenant.slug, message=message)
    live.publish(f"tenant.{tenant.slug}")
    return len(keys)
