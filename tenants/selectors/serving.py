"""Whom an environment serves: active tenants, as far as Git knows their references there."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from controlpanel.catalog.models import Environment
from tenants.choices import TenantState
from tenants.models import CredentialReference, Tenant


def served_in(environment: Environment) -> list[str]:
    """Slugs, sorted. Where references are promoted, whoever has none there yet is not served there yet; one query."""
    rows = Tenant.objects.filter(state=TenantState.ACTIVE)
    if environment.tenant_shards:
        promoted = CredentialReference.objects.filter(
            environment=environment, tenant=OuterRef("pk"), promoted__is_removed=False
        )
        rows = rows.filter(Exists(promoted))
    return list(rows.order_by("slug").values_list("slug", flat=True))
