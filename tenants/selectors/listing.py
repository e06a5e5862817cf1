"""The list of tenants: those not ready first, in portions, with what one environment says of each; nothing foreign, not even in a count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import InvalidError
from controlpanel.core.permissions import Right
from tenants.choices import UNMET, TenantState
from tenants.models import ChecklistItem, HubState, Readiness, Tenant
from tenants.selectors.readiness import readiness_of
from tenants.selectors.seeing import tenants_visible

EXPORT_PORTION = 500
READINESS = {
    "ready": Q(is_ready=True),
    "not-ready": Q(is_ready=False),
    "stale": Q(stale__gt=0),
    "unsigned": Q(unsigned__gt=0),
    "waived": Q(waived__gt=0),
    "pending": Q(pending__gt=0),
}
"""Words of the filter by readiness."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What is looked for: `text` in slug, name and owner; a word of `READINESS`; a key that is missing; a state, "" for all but
    offboarded ones."""

    text: str = ""
    readiness: str = ""
    missing: str = ""
    state: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One tenant of the list. `readiness` is by the environment's name, `hub` that of the environment that the list is for."""

    tenant: Tenant
    readiness: dict[str, Readiness]
    hub: HubState | None = None
    owner: User | None = None


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Some rows and the cursor of what follows, None at the end."""

    rows: list[Row] = field(default_factory=list)
    following: str | None = None


def tenants_portion(
    actor: Actor,
    environment: Environment,
    environments: Sequence[Environment],
    chosen: Filter | None = None,
    *,
    cursor: str = "",
    limit: int = 50,
) -> Portion:
    """The next tenants of an environment, not ready ones first, each with its readiness in `environments`; at most five queries.

    Raises `InvalidError` for a cursor that no answer gave.
    """
    found = _next(_readiness(actor, environment, chosen or Filter()).select_related("tenant"), cursor, limit + 1)
    following = _cursor(found[limit - 1]) if len(found) > limit else None
    return Portion(rows=_rows(actor, environment, environments, found[:limit]), following=following)


def tenants_count(actor: Actor, environment: Environment, chosen: Filter | None = None) -> dict[str, int]:
    """{"total", "ready", "stale"} of what the filter finds; one query."""
    rows = _readiness(actor, environment, chosen or Filter()).order_by()
    return rows.aggregate(
        total=Count("pk"), ready=Count("pk", filter=Q(is_ready=True)), stale=Count("pk", filter=Q(stale__gt=0))
    )


def tenants_served(actor: Actor) -> QuerySet[Tenant]:
    """The tenants that the actor may see and that were not offboarded."""
    return tenants_visible(actor).exclude(state=TenantState.OFFBOARDED)


def tenants_found(actor: Actor, text: str, limit: int) -> list[Tenant]:
    """Tenants whose slug, name or owner hold the text, the exact slug first; for the search of everything."""
    words = text.strip().lower()[:100]
    rows = tenants_visible(actor).filter(search_text__contains=words) if words else Tenant.objects.none()
    exact = Case(When(slug=words, then=Value(0)), default=Value(1))
    return list(rows.order_by(exact, "slug")[:limit])


def tenants_export(
    actor: Actor, environment: Environment, environments: Sequence[Environment], chosen: Filter | None = None
) -> Iterator[list[str]]:
    """The filtered list as lines of a table, the heading first; read in portions, whatever its length."""
    names = [one.name for one in environments]
    yield ["slug", "name", "state", "owner", *(f"{name} {what}" for name in names for what in ("ready", "met", "required", "missing", "signed"))]  # fmt: skip
    cursor: str | None = ""
    while cursor is not None:
        portion = tenants_portion(actor, environment, environments, chosen, cursor=cursor, limit=EXPORT_PORTION)
        for row in portion.rows:
            own = [row.tenant.slug, row.tenant.display_name, row.tenant.state, row.tenant.owner]
            yield [*own, *(text for name in names for text in _exported(row.readiness.get(name)))]
        cursor = portion.following


def _readiness(actor: Actor, environment: Environment, chosen: Filter) -> QuerySet[Readiness]:
    rows = Readiness.objects.filter(environment=environment)
    slugs = actor.tenants(Right.TENANT_VIEW, environment.name)
    if slugs is not None:
        rows = rows.filter(slug__in=slugs)
    rows = rows.filter(state=chosen.state) if chosen.state else rows.exclude(state=TenantState.OFFBOARDED)
    if words := chosen.text.strip().lower()[:100]:
        rows = rows.filter(tenant__search_text__contains=words)
    if chosen.readiness:
        rows = rows.filter(READINESS.get(chosen.readiness, Q(pk__in=[])))
    if chosen.missing:
        unmet = ChecklistItem.objects.filter(
            environment=environment, key=chosen.missing, state__in=UNMET, is_retired=False
        )
        rows = rows.filter(Exists(unmet.filter(tenant=OuterRef("tenant"))))
    return rows


def _next(rows: QuerySet[Readiness], cursor: str, limit: int) -> list[Readiness]:
    """Two short walks along the index instead of one long one: what is left of those not ready, then the ready ones."""
    is_ready, slug = _position(cursor)
    found: list[Readiness] = []
    if not is_ready:
        found = list(rows.filter(is_ready=False, slug__gt=slug).order_by("slug")[:limit])
        slug = ""
    if len(found) < limit:
        found += rows.filter(is_ready=True, slug__gt=slug).order_by("slug")[: limit - len(found)]
    return found


def _cursor(row: Readiness) -> str:
    return f"{'r' if row.is_ready else 'n'}.{row.slug}"


def _position(cursor: str) -> tuple[bool, str]:
    if not cursor:
        return False, ""
    group, dot, slug = cursor.partition(".")
    if group not in ("n", "r") or not dot or len(slug) > 63:
        raise InvalidError(
            "The cursor is none that a list gave.", "Use the value of `next`, or leave it out.", field="cursor"
        )
    return group == "r", slug


def _rows(
    actor: Actor, environment: Environment, environments: Sequence[Environment], found: Sequence[Readiness]
) -> list[Row]:
    tenants = [row.tenant for row in found]
    ready = readiness_of((one.pk for one in tenants), environments)
    hubs = {row.tenant_id: row for row in HubState.objects.filter(environment=environment, tenant__in=tenants)}
    owners = owners_of(tenants)
    return [
        Row(
            tenant=one, hub=hubs.get(one.pk), owner=owners.get(one.owner),
            readiness={
                place.name: ready[one.pk, place.pk]
                for place in environments
                if (one.pk, place.pk) in ready and actor.may(Right.TENANT_VIEW, place.name, one.slug)
            },
        )
        for one in tenants
    ]  # fmt: skip


def owners_of(tenants: Iterable[Tenant]) -> dict[str, User]:
    """Username → account, of all owners named; one query."""
    names = {one.owner for one in tenants} - {""}
    return {user.username: user for user in User.objects.filter(username__in=names)}


def _exported(row: Readiness | None) -> list[str]:
    if row is None:
        return [""] * 5
    signed = row.signed_at.isoformat(timespec="seconds") if row.signed_at else ""
    return ["yes" if row.is_ready else "no", str(row.met), str(row.required), row.first_missing, signed]
