"""From what Argo CD says to rows: upserted in order, waking the promotions that wait for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from controlpanel.catalog.models import Component, Environment
from controlpanel.catalog.shards import COMPONENT, shard_application, shard_names
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.argocd_models import Resource
from controlpanel.core import doorbell, lease, live
from controlpanel.core.lease import StatementTime
from deployments.choices import State
from deployments.models import Application, Observer, Promotion

FACTS = (
    "resource_version", "sync", "health", "health_message", "revision", "operation", "operation_message", "operation_marker",
    "operation_by", "operation_running", "reconciled_at", "automated", "images", "conditions", "differing",
)  # fmt: skip
SHOWN = (
    "sync",
    "health",
    "health_message",
    "revision",
    "operation",
    "operation_message",
    "operation_marker",
    "operation_running",
    "is_missing",
    "differing",
)
"""A change of one of these is worth a look of a browser and of a waiting promotion."""
MOST_DIFFERING = 50
"""Resources of one Application that are named as differing from Git."""
Kept = Literal["older", "same", "kept", "shown"]
"""What became of a read: nothing (there is a newer one), nothing new, something new, something new that people see."""
Fence = Callable[[], AbstractContextManager[object]]


class Directory:
    """Which Application belongs to which environment, component and shard; read once for each list."""

    def __init__(self, server_from: str) -> None:
        environments = {e.name: e for e in Environment.objects.filter(server_from=server_from, is_retired=False)}
        components = list(Component.objects.filter(is_retired=False).values_list("name", flat=True))
        self.places: Mapping[str, tuple[Environment, str, str]] = {
            f"{component}-{environment}": (row, component, "")
            for environment, row in environments.items()
            for component in components
        } | {
            shard_application(shard, environment): (row, COMPONENT, shard)
            for environment, row in environments.items()
            for shard in shard_names(row.tenant_shards)
        }
        self.projects: dict[str, Environment] = {}
        """Each with an environment of it: its token reads the project."""
        for row in environments.values():
            self.projects.setdefault(row.project, row)


def observe(directory: Directory, reads: Iterable[Read], fence: Fence = transaction.atomic) -> set[str]:
    """Store what was read, newer versions only. Returns the names whose shown facts changed.

    `fence` opens the transaction and raises where this process may not write any more.
    """
    wanted = {read.name: read for read in reads if read.name in directory.places}
    with fence():
        known = _locked(wanted)
        if len(known) < len(wanted):
            _make_room(directory, wanted.keys() - known.keys())
            known = _locked(wanted)
        kept = {name: _store(known[name], wanted[name]) for name in sorted(wanted)}
        same = [known[name].pk for name, what in kept.items() if what == "same"]
        Application.objects.filter(pk__in=same).update(observed_at=StatementTime())
    changed = {name for name, what in kept.items() if what == "shown"}
    _wake(directory, changed)
    return changed


def missing(directory: Directory, seen: set[str]) -> None:
    """Mark Applications of this Argo CD that a whole list did not show."""
    names = [name for name in directory.places if name not in seen]
    gone = Application.objects.filter(name__in=names, is_missing=False)
    if gone.update(is_missing=True, observed_at=StatementTime(), changed_at=StatementTime()):
        _wake(directory, set(names))


def heard(server_from: str, **facts: Any) -> None:
    """Note that this Argo CD answered just now."""
    Observer.objects.update_or_create(
        server_from=server_from, defaults={"heard_at": StatementTime(), "error": "", **facts}
    )


def unheard(server_from: str, error: str, **facts: Any) -> None:
    """Note why this Argo CD is not heard; what was observed keeps its time."""
    Observer.objects.update_or_create(
        server_from=server_from, defaults={"error": error, "stream_is_open": False, **facts}
    )


def _locked(names: Iterable[str]) -> dict[str, Application]:
    rows = Application.objects.select_for_update().filter(name__in=names).order_by("name")
    return {row.name: row for row in rows}


def _make_room(directory: Directory, names: Iterable[str]) -> None:
    """A row for each Application seen for the first time; the list and the stream may both be the first."""
    places = {name: directory.places[name] for name in sorted(names)}
    Application.objects.bulk_create(
        [
            Application(name=name, environment=place, component=component, shard=shard)
            for name, (place, component, shard) in places.items()
        ],
        ignore_conflicts=True,
    )


def _store(row: Application, read: Read) -> Kept:
    """Write what is new. A row that stays the same is left to the caller, who has many of them at each list."""
    if read.resource_version < row.resource_version and not row.is_missing and not _is_forgotten(row):
        return "older"
    facts = _facts(read)
    facts["differs_since"] = (row.differs_since or timezone.now()) if facts["sync"] == "OutOfSync" else None
    new = {name for name, value in facts.items() if getattr(row, name) != value}
    if row.is_missing:
        new.add("is_missing")
    if not new:
        return "same"
    is_shown = not new.isdisjoint(SHOWN)
    values = {name: facts.get(name, False) for name in new} | {"observed_at": StatementTime()}
    Application.objects.filter(pk=row.pk).update(**values, **({"changed_at": StatementTime()} if is_shown else {}))
    return "shown" if is_shown else "kept"


def _is_forgotten(row: Application) -> bool:
    """Not seen for so long that the order of versions says nothing any more: a restored Argo CD counts from below."""
    since = row.observed_at
    return since is None or (timezone.now() - since).total_seconds() > settings.TIMINGS.silence_seconds


def _facts(read: Read) -> dict[str, Any]:
    values = (
        read.resource_version, read.sync_status, read.health_status, read.health_message, read.revision, read.operation_phase,
        read.operation_message, read.operation_marker, read.operation_initiated_by, read.operation_running, read.reconciled_at,
        read.automated, list(read.images), [{"type": one.type, "message": one.message} for one in read.conditions],
        [_resource(one) for one in read.resources if one.status == "OutOfSync"][:MOST_DIFFERING],
    )  # fmt: skip
    return {name: _fitting(name, value) for name, value in zip(FACTS, values, strict=True)}


def _resource(one: Resource) -> dict[str, Any]:
    return {
        "group": one.group, "kind": one.kind, "namespace": one.namespace, "name": one.name, "is_extra": one.requires_pruning,
    }  # fmt: skip


def _fitting(name: str, value: Any) -> Any:
    """Anyone may put any text into an Application; one row that does not fit must not stop the others."""
    length = getattr(Application._meta.get_field(name), "max_length", None)
    return value.replace("\0", "")[:length] if isinstance(value, str) else value


def _wake(directory: Directory, names: set[str]) -> None:
    """After the observation is stored, not with it: a step locks its promotion first and an Application's row then."""
    environments = {directory.places[name][0] for name in names}
    for environment in environments:
        live.publish(f"environment.{environment.name}")
    moving = Promotion.objects.filter(
        environment__in=environments, state__in=(State.SYNCING, State.ROLLING_OUT, State.CANCELING)
    )
    for pk in moving.values_list("pk", flat=True):
        live.publish(f"promotion.{pk}")
        lease.wake(Promotion.objects.filter(pk=pk))
        doorbell.ring("advance_promotion", pk)
