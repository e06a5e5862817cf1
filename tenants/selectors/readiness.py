"""Who is ready, who is not and why: what gates, preflights and lists ask. Constant numbers of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Right
from tenants.choices import UNMET, TenantState
from tenants.models import ChecklistItem, KeyNeed, Readiness

NAMED = 3
"""Tenants that are not ready whose names a board shows."""
LAPSED = "Computed for a moment that has passed; it is looked at again within seconds."


@dataclass(frozen=True, kw_only=True)
class Blocking:
    """One item that keeps a tenant from being ready. `owner` is an account's name or, where there is none, a role."""

    id: str
    key: str
    type: str
    state: str
    evidence: str
    owner: str
    release_version: str = ""


class _Item(NamedTuple):
    """What is read of an item that blocks; there may be tens of thousands."""

    pk: UUID
    key: str
    type: str
    state: str
    evidence: str
    owner_role: str
    release_version: str


@dataclass(frozen=True, kw_only=True)
class NotReady:
    """A tenant that is not ready, with the items that are missing; `since` is when it became so."""

    slug: str
    display_name: str
    owner: str
    since: datetime
    items: tuple[Blocking, ...]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Active tenants of an environment; `names` are the first that are not ready, where all environments were asked at once."""

    total: int = 0
    ready: int = 0
    names: tuple[str, ...] = ()

    @property
    def not_ready(self) -> int:
        """Those that are not."""
        return self.total - self.ready


def not_ready(
    environment: Environment,
    release_version: str = "",
    actor: Actor | None = None,
    provided: Collection[str] = (),
) -> list[NotReady]:
    """Active tenants that are not ready, by slug: by what the catalog and what is live ask for and, where given, by the keys
    that this release needs besides. With an actor only what that one may see. Three queries, however many there are.

    `provided` are environment-scoped keys that the release itself sets: what is live lacking them does not block it.
    """
    items = _missing(environment, _needed(environment, release_version), provided).order_by("position", "key")
    own: defaultdict[int, list[_Item]] = defaultdict(list)
    for tenant, *item in items.values_list("tenant", *_Item._fields):
        own[tenant].append(_Item(*item))
    # The keys of tenants as a list, not as a subquery: an index finds them beside the few that have lapsed.
    rows = _seen(Readiness.objects.filter(environment=environment, state=TenantState.ACTIVE), environment, actor)
    found = rows.filter(_lapsed() | Q(tenant__in=list(own))).order_by("slug")
    columns = ("tenant", "slug", "tenant__display_name", "tenant__owner", "changed_at")
    return [_told(own[tenant], *row) for tenant, *row in found.values_list(*columns)]


def active_count(environment: Environment, actor: Actor | None = None) -> int:
    """How many active tenants there are, with an actor only those which that one may see; one query."""
    return _seen(
        Readiness.objects.filter(environment=environment, state=TenantState.ACTIVE), environment, actor
    ).count()


def readiness_counts(
    environments: Sequence[Environment],
    release_version: str = "",
    actor: Actor | None = None,
    provided: Collection[str] = (),
) -> dict[str, Counts]:
    """Environment's name → counts of active tenants; two queries for each environment with a release, one for all without."""
    if release_version or provided or actor is not None:
        return {one.name: _counted(one, release_version, actor, provided) for one in environments}
    return dict(_counts_of(environments))


def _counts_of(environments: Sequence[Environment]) -> Iterator[tuple[str, Counts]]:
    """One query. What is counted and named comes out of indexes; the ready ones, who are most, are only counted."""
    active = Readiness.objects.filter(environment=OuterRef("pk"), state=TenantState.ACTIVE).order_by()
    unready, lapsed = active.filter(is_ready=False), active.filter(_lapsed(), is_ready=True)
    rows = Environment.objects.filter(pk__in=[one.pk for one in environments]).annotate(
        total=_number(active), unready=_number(unready), lapsed=_number(lapsed), first=_first(unready), late=_first(lapsed)
    )  # fmt: skip
    found = {row["pk"]: row for row in rows.values("pk", "total", "unready", "lapsed", "first", "late")}
    for one in environments:
        row = found[one.pk]
        names = sorted([*row["first"], *row["late"]])[:NAMED]
        yield (
            one.name,
            Counts(total=row["total"], ready=row["total"] - row["unready"] - row["lapsed"], names=tuple(names)),
        )


def _number(rows: QuerySet[Readiness]) -> Coalesce:
    return Coalesce(Subquery(rows.values("environment").annotate(number=Count("*")).values("number")), 0)


def _first(rows: QuerySet[Readiness]) -> ArraySubquery:
    return ArraySubquery(rows.order_by("slug").values("slug")[:NAMED])


def readiness_of(tenants: Iterable[int], environments: Sequence[Environment]) -> dict[tuple[int, int], Readiness]:
    """(tenant, environment) → readiness; one query."""
    rows = Readiness.objects.filter(tenant__in=list(tenants), environment__in=environments)
    return {(row.tenant_id, row.environment_id): row for row in rows}


def _counted(environment: Environment, release_version: str, actor: Actor | None, provided: Collection[str]) -> Counts:
    rows = _seen(Readiness.objects.filter(environment=environment, state=TenantState.ACTIVE), environment, actor)
    missing = _missing(environment, _needed(environment, release_version), provided).order_by()
    tenants = list(missing.values_list("tenant", flat=True).distinct())
    total = rows.count()
    return Counts(total=total, ready=total - rows.filter(_lapsed() | Q(tenant__in=tenants)).count())


def _seen(rows: QuerySet[Readiness], environment: Environment, actor: Actor | None) -> QuerySet[Readiness]:
    slugs = None if actor is None else actor.tenants(Right.TENANT_VIEW, environment.name)
    return rows if slugs is None else rows.filter(slug__in=slugs)


def _needed(environment: Environment, release_version: str) -> list[str]:
    if not release_version:
        return []
    return list(
        KeyNeed.objects.filter(environment=environment, release_version=release_version).values_list("key", flat=True)
    )


def _missing(environment: Environment, needed: Collection[str], provided: Collection[str]) -> QuerySet[ChecklistItem]:
    """Items that block: required ones, and those of keys that the release needs."""
    asked = Q(is_required=True) | Q(key__in=needed) if needed else Q(is_required=True)
    rows = ChecklistItem.objects.filter(asked, environment=environment, state__in=UNMET, is_retired=False)
    return rows.exclude(type="variable_set", found="failing", key__in=provided) if provided else rows


def _lapsed() -> Q:
    return Q(
        recheck_at__lte=Now()
    )  # the statement's own time, which an index can be asked for; `clock_timestamp()` cannot


def _told(items: Sequence[_Item], slug: str, display_name: str, owner: str, since: datetime) -> NotReady:
    told = tuple(
        Blocking(
            id=str(item.pk), key=item.key, type=item.type, state=item.state, evidence=item.evidence,
            owner=owner if owner and item.owner_role == "tenant owner" else item.owner_role, release_version=item.release_version,
        )
        for item in items
    )  # fmt: skip
    lapsed = Blocking(id="", key="", type="", state="open", evidence=LAPSED, owner="panel")
    return NotReady(slug=slug, display_name=display_name, owner=owner, since=since, items=told or (lapsed,))
