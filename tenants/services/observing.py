"""What workers saw of a tenant outside, for items that read observations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from controlpanel.catalog.models import Environment
from controlpanel.core.lease import Clock
from tenants.checklist.asking import asked_of
from tenants.checklist.base import Asked, types
from tenants.models import Observation, Tenant
from tenants.services.readiness import readiness_lock, readiness_recompute
from tenants.services.verification import said_safely


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One answer to an item of a type with an outside source (`endpoint_answers`, `redis_key_present`); `is_met` None: no answer."""

    slug: str
    type: str
    key: str
    is_met: bool | None
    evidence: str
    at: datetime


def observed_items(environment: Environment) -> list[Asked]:
    """What workers have to look at outside, for every served tenant: nothing where the catalog asks for none."""
    return [one for one in asked_of(environment, Clock()()) if types[one.type].is_observed]


@transaction.atomic
def observations_record(environment: Environment, seen: Sequence[Seen]) -> list[str]:
    """Store answers and compute readiness anew; returns the slugs whose readiness changed."""
    tenants = dict(Tenant.objects.filter(slug__in={one.slug for one in seen}).values_list("slug", "pk"))
    readiness_lock(environment, tenants.values())
    Observation.objects.bulk_create(
        (
            Observation(
                tenant_id=tenants[one.slug], environment=environment, type=one.type, key=one.key, is_met=one.is_met,
                evidence=said_safely(one.evidence), at=one.at,
            )
            for one in seen
            if one.slug in tenants
        ),
        update_conflicts=True, unique_fields=["tenant", "environment", "type", "key"],
        update_fields=["is_met", "evidence", "at"],
    )  # fmt: skip
    return readiness_recompute(environment, tenants.values())
