"""Reading preflights for the promote page."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from controlpanel.catalog.models import Component, Environment
from controlpanel.core.lease import StatementTime
from deployments.choices import Kind, PreflightState
from deployments.models import Preflight, Promotion
from tenants.models import ReferenceVersion

ASK_AGAIN_AFTER = timedelta(seconds=15)
"""A page that is loaded again and again during an outage renders no faster than this."""


@dataclass(frozen=True, kw_only=True)
class FromTo:
    """One component of the table "From and to"; `change` is "" until it is rendered."""

    component: str
    now: str
    after: str
    images: tuple[str, ...]
    resources: int
    change: str


def current(version: str, environment: str) -> Preflight | None:
    """The newest preflight of all components that is rendering, or ready and not overtaken by a later commit."""
    rows = _rows().filter(release__version=version, environment__name=environment, environment__is_retired=False)
    fresh = Q(state=PreflightState.READY) & ~Q(Exists(overtaking(Kind.RELEASE, OuterRef("environment"))))
    standing = fresh | Q(state=PreflightState.RENDERING)
    return rows.filter(standing, ~unanswered(), components=[], restores=None).order_by("-created_at").first()


def overtaking(kind: Kind, environment: Environment | OuterRef) -> QuerySet[Promotion]:
    """Promotions whose commit makes a preview of this kind (the outer row) untrue: a release and tenants' configuration leave
    each other alone."""
    later = Promotion.objects.filter(environment=environment, committed_at__gte=OuterRef("ready_at")).exclude(commit="")
    other = {Kind.RELEASE: Kind.TENANT_CONFIG, Kind.TENANT_CONFIG: Kind.RELEASE}.get(kind)
    return later.exclude(kind=other) if other else later


def edited(environment: Environment) -> QuerySet[ReferenceVersion]:
    """References that were put or taken away there since a preview (the outer row) was made."""
    return ReferenceVersion.objects.filter(reference__environment=environment, created_at__gte=OuterRef("ready_at"))


def unanswered() -> Q:
    """Previews for which the cluster did not answer a while ago: whoever asks again gets a new one."""
    return Q(dry_run__contains={"standing": "unknown"}, ready_at__lt=StatementTime() - ASK_AGAIN_AFTER)


def by_id(identifier: str, version: str, environment: str, restores: Promotion | None = None) -> Preflight | None:
    """This preflight, if it is one of that release and environment (and of a rollback to that promotion)."""
    try:
        key = uuid.UUID(identifier)
    except ValueError:
        return None
    return _rows().filter(pk=key, release__version=version, environment__name=environment, restores=restores).first()


def from_to(preflight: Preflight, versions: Mapping[tuple[int, str], str]) -> list[FromTo]:
    """What each component runs now and would run, in the order of the catalog, so that no row moves when the rendering
    is there; until then all of the current catalog, with no change said. One query."""
    components = Component.objects.filter(is_retired=False)
    is_ready = preflight.state == PreflightState.READY
    images = preflight.release.images if preflight.release else {}
    changed = Counter(change["component"] for change in changed_resources(preflight))
    return [
        FromTo(
            component=one.name, now=versions.get((preflight.environment_id, one.name), ""), after=str(preflight.release or ""),
            images=tuple(images[key] for key in one.images if key in images),
            resources=changed[one.name], change=("changed" if changed[one.name] else "unchanged") if is_ready else "",
        )
        for one in components
        if not is_ready or one.name in preflight.parts
    ]  # fmt: skip


def from_words(versions: Mapping[tuple[int, str], str]) -> str:
    """The releases that run now, in words."""
    return ", ".join(sorted(set(versions.values()))) or "nothing yet"


def changed_resources(preflight: Preflight) -> list[dict[str, str]]:
    """The resources that would differ."""
    return [change for change in preflight.changes if change["change"] != "unchanged"]


def what_moved(before: Preflight | None, now: Preflight) -> str:
    """The components whose rendered change differs between two previews, in words; empty where it cannot be told."""
    if before is None or now.state != PreflightState.READY:
        return ""
    old, new = _marks(before.changes), _marks(now.changes)
    moved = old ^ new
    names = sorted({component for component, *_ in moved})
    count = len({mark[:4] for mark in moved})
    return f"{', '.join(names)} ({count} resource{'s' if count != 1 else ''})" if names else ""


def _marks(changes: Iterable[Mapping[str, str]]) -> set[tuple[str, ...]]:
    names: Sequence[str] = ("component", "kind", "namespace", "name", "change", "diff")
    return {tuple(change[name] for name in names) for change in changes if change["change"] != "unchanged"}


def _rows() -> QuerySet[Preflight]:
    return Preflight.objects.select_related("release", "environment")
