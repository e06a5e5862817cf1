"""Freezes: which stand, which hold a target now, and which come next."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.shards import COMPONENT as TENANTS_COMPONENT
from controlpanel.core.permissions import Right
from deployments.choices import Kind
from deployments.models import Freeze

Row = TypeVar("Row", bound=Model)
STANDING = """(SELECT coalesce(jsonb_agg(to_jsonb(one) || jsonb_build_object('tenant_is_active', EXISTS (
    SELECT FROM tenants_tenant AS served WHERE served.slug = one.tenant AND served.state = 'active')) ORDER BY one.id), '[]')
  FROM deployments_freeze AS one
  WHERE one.lifted_at IS NULL AND (one.cron <> '' OR one.ends_at IS NULL OR one.ends_at > clock_timestamp()))"""
"""The freezes that stand, as a column beside rows that are read anyway: every board and every gate asks for them."""
HOLDS = (
    "(SELECT coalesce(jsonb_agg(to_jsonb(one)), '[]') FROM deployments_releasehold AS one WHERE one.lifted_at IS NULL)"
)
"""The same of releases that are held back."""
FROZEN = "freeze"
"""The cause of a pause that ends by itself when no freeze holds it any more."""
MOST = 500
"""Freezes that stand at once; more are refused when they are set."""


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A freeze that holds now; `until` None: no end in sight."""

    freeze: Freeze
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Coming:
    """A freeze that does not hold yet."""

    freeze: Freeze
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What a promotion would change: `components` and `tenants` None where it is not known yet."""

    environment: str
    kind: Kind
    components: Collection[str] | None = None
    tenants: Collection[str] | None = None


def standing() -> list[Freeze]:
    """Those that hold now or may hold later, oldest first, in one query. `tenant_is_active` says whether a tenant's is met."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {STANDING}")  # a constant, without parameters
        (told,) = cursor.fetchone() or ("[]",)
    return [from_json(Freeze, row) for row in json.loads(told)]


def from_json(model: type[Row], told: Mapping[str, Any]) -> Row:
    """A row as PostgreSQL tells it in JSON."""
    fields = {field.attname: field.to_python(told[field.attname]) for field in model._meta.concrete_fields}
    row = model(**fields)
    if "tenant_is_active" in told:
        setattr(row, "tenant_is_active", told["tenant_is_active"])  # noqa: B010  # other rows have none
    return row


def holding(freezes: Iterable[Freeze], reach: Reach, now: datetime) -> list[Holding]:
    """Those that hold this target now, the one that ends last first."""
    found = []
    for freeze in freezes:
        if _reaches(freeze, reach) and (until := freeze.holds_until(now)) != now:
            found.append(Holding(freeze=freeze, until=until))
    return sorted(found, key=lambda one: (one.until is not None, -(one.until.timestamp() if one.until else 0)))


def coming(freezes: Iterable[Freeze], reach: Reach, now: datetime) -> Coming | None:
    """The next one that will hold this target."""
    starts = ((freeze.next_start(now), freeze) for freeze in freezes if _reaches(freeze, reach))
    found = [Coming(freeze=freeze, at=at) for at, freeze in starts if at is not None]
    return min(found, key=lambda one: one.at, default=None)


def seen_by(actor: Actor, freezes: Sequence[Freeze]) -> list[Freeze]:
    """Those of environments that the actor may see; a tenant's too, since whoever sees an environment sees all tenants."""
    return [one for one in freezes if actor.may(Right.VIEW, one.environment or None)]


def changed_tenants(changes: Iterable[Mapping[str, Any]]) -> set[str]:
    """Tenants whose objects differ, by the names of their objects."""
    moved = (one for one in changes if one["component"] == TENANTS_COMPONENT and one["change"] != "unchanged")
    return {str(one["name"]).removeprefix("tenant-") for one in moved}


def _reaches(freeze: Freeze, reach: Reach) -> bool:
    if freeze.environment and freeze.environment != reach.environment:
        return False
    if freeze.tenant and not _meets_tenant(freeze, reach):
        return False
    return not freeze.component or reach.components is None or freeze.component in reach.components


def _meets_tenant(freeze: Freeze, reach: Reach) -> bool:
    """A tenant's freeze holds its configuration, and releases to where it is served."""
    if reach.kind == Kind.TENANT_CONFIG:
        return reach.tenants is None or freeze.tenant in reach.tenants
    return freeze.tenant_is_active
