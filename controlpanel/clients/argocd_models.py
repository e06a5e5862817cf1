"""Argo CD's Application, parsed once into values. Any field may be absent; absent text is "", absent times are None.

Everything here is pure. The times come from Argo CD's clock, have a resolution of one second and are compared only
with each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controlpanel.clients.argocd_json import (
    Json,
    integer,
    mapping,
    mappings,
    message,
    moment,
    strings,
    text,
    texts,
    without_zeros,
)
from controlpanel.clients.argocd_rollout import Verdict, health_verdict, operation_fault, synced_at

MARKER = "promotion"
"""Name of the `info` entry that carries our promotion's id in a sync operation."""

TERMINAL_PHASES = frozenset({"Succeeded", "Failed", "Error"})
ALLOWED_UNPRUNED = "ignored (no prune)"
"""Message of a resource that opted out of pruning by annotation; any other PruneSkipped means it was left over."""


@dataclass(frozen=True)
class Resource:
    """One resource as an Application lists it. `health` is absent in lists, present in a single read."""

    group: str
    kind: str
    namespace: str
    name: str
    status: str = ""
    health: str = ""
    message: str = ""
    requires_pruning: bool = False
    hook_phase: str = ""

    @property
    def title(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Condition:
    type: str
    message: str

    @property
    def is_error(self) -> bool:
        return self.type.endswith("Error")


@dataclass(frozen=True)
class HistoryEntry:
    """One full, successful sync. Carries no marker."""

    id: int
    revision: str
    initiated_by: str
    deploy_started_at: datetime | None
    deployed_at: datetime | None


@dataclass(frozen=True)
class Application:
    """Argo CD's Application; `operation_*` is the running operation, else the last one."""

    name: str
    namespace: str = ""
    uid: str = ""
    project: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    finalizers: tuple[str, ...] = ()
    resource_version: int = 0
    deleting: bool = False
    spec: Json = field(default_factory=dict, hash=False, repr=False)
    sync_status: str = ""
    revision: str = ""
    health_status: str = ""
    health_message: str = ""
    operation_running: bool = False
    operation_phase: str = ""
    operation_message: str = ""
    operation_marker: str = ""
    operation_revision: str = ""
    operation_initiated_by: str = ""
    operation_automated: bool = False
    operation_dry_run: bool = False
    operation_retry_count: int = 0
    operation_started_at: datetime | None = None
    operation_finished_at: datetime | None = None
    sync_result_revision: str = ""
    sync_result: tuple[Resource, ...] = ()
    reconciled_at: datetime | None = None
    compared_to_spec: bool = False
    automated: bool = False
    conditions: tuple[Condition, ...] = ()
    images: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    history: tuple[HistoryEntry, ...] = ()

    @classmethod
    def parse(cls, document: Json) -> Application:
        """Read Argo CD's JSON; absent and null mean the zero value everywhere."""
        metadata, spec, status = (mapping(document, key) for key in ("metadata", "spec", "status"))
        sync, health = mapping(status, "sync"), mapping(status, "health")
        return cls(
            name=text(metadata, "name"),
            namespace=text(metadata, "namespace"),
            uid=text(metadata, "uid"),
            project=text(spec, "project") or "default" if spec else "",
            labels=texts(metadata, "labels"),
            annotations=texts(metadata, "annotations"),
            finalizers=strings(metadata, "finalizers"),
            resource_version=integer(metadata, "resourceVersion"),
            deleting="deletionTimestamp" in metadata,
            spec=spec,
            sync_status=text(sync, "status"),
            revision=text(sync, "revision"),
            health_status=text(health, "status"),
            health_message=message(health),
            **_operation(document, mapping(status, "operationState")),
            reconciled_at=moment(status, "reconciledAt"),
            compared_to_spec=_compared_to(spec, mapping(sync, "comparedTo")),
            automated=_is_automated(spec),
            conditions=tuple(Condition(text(c, "type"), message(c)) for c in mappings(status, "conditions")),
            images=strings(mapping(status, "summary"), "images"),
            resources=tuple(_resource(entry) for entry in mappings(status, "resources")),
            history=tuple(_history(entry) for entry in mappings(status, "history")),
        )

    # ---- the operation

    def carries(self, marker: str) -> bool:
        """Whether the running operation, else the last one, is the one that was sent with this marker."""
        return bool(marker) and self.operation_marker == marker

    @property
    def operation_done(self) -> bool:
        """Ended for good. Never told by `finishedAt`, which is also set while a retry is waiting."""
        return not self.operation_running and self.operation_phase in TERMINAL_PHASES

    @property
    def operation_in_progress(self) -> bool:
        return self.operation_running or self.operation_phase in {"Running", "Terminating"}

    @property
    def operation_orphaned(self) -> bool:
        """Reads as running while nobody runs it (a controller died); a new sync is accepted."""
        return not self.operation_running and self.operation_phase in {"Running", "Terminating"}

    def operation_succeeded_at(self, commit: str) -> bool:
        """The last operation applied exactly this commit, whole and for real."""
        return not operation_fault(self, commit)

    def unapplied(self) -> tuple[Resource, ...]:
        """Resources that the last operation could not apply, or had to leave over because pruning was off."""
        return tuple(r for r in self.sync_result if r.status == "SyncFailed" or _left_over(r))

    def deployed(self, commit: str) -> HistoryEntry | None:
        """The newest entry of the history at this commit: a trace of operations that later ones overwrote."""
        return next((entry for entry in reversed(self.history) if entry.revision == commit), None)

    # ---- what the comparison says

    @property
    def fresh(self) -> bool:
        """Compared again after the operation ended. `reconciledAt` is when a comparison began, so an equal second may
        still have begun before the end and does not count. True where no operation ever ended but a comparison was made."""
        if self.reconciled_at is None:
            return False
        return self.operation_finished_at is None or self.reconciled_at > self.operation_finished_at

    @property
    def errors(self) -> tuple[Condition, ...]:
        return tuple(condition for condition in self.conditions if condition.is_error)

    def blocking_resource(self) -> Resource | None:
        """The resource that keeps the Application from Healthy, the worst first; None when none is known."""
        order = ("Degraded", "Missing", "Progressing", "Unknown", "Suspended")
        waiting = [r for r in self.resources if r.health in order]
        return min(waiting, key=lambda r: (order.index(r.health), not r.message), default=None)

    def synced_at(self, commit: str, marker: str | None, *, equivalent: Collection[str] = ()) -> Verdict:
        """Whether live state was proved to follow `commit`, health left aside.

        `marker` names the operation that must have done it; None accepts anyone's, and none where nothing had to change.
        `equivalent` are later commits that hold the same files for this Application (others may move the branch on).
        """
        return synced_at(self, commit, marker, equivalent)

    def rolled_out_at(self, commit: str, marker: str | None, *, equivalent: Collection[str] = ()) -> Verdict:
        """Whether `commit` is live and healthy, by one observation. Ask twice with a settle time between."""
        synced = self.synced_at(commit, marker, equivalent=equivalent)
        return health_verdict(self) if synced else synced


def _operation(document: Json, state: Json) -> dict[str, Any]:
    running = mapping(document, "operation")
    operation = running or mapping(state, "operation")
    sync, by, result = mapping(operation, "sync"), mapping(operation, "initiatedBy"), mapping(state, "syncResult")
    return {
        "operation_running": bool(running),
        "operation_phase": text(state, "phase"),
        "operation_message": message(state),
        "operation_marker": next(
            (text(i, "value") for i in mappings(operation, "info") if i.get("name") == MARKER), ""
        ),
        "operation_revision": text(sync, "revision"),
        "operation_initiated_by": text(by, "username") or ("automated sync" if by.get("automated") else ""),
        "operation_automated": by.get("automated") is True,
        "operation_dry_run": sync.get("dryRun") is True,
        "operation_retry_count": integer(state, "retryCount"),
        "operation_started_at": moment(state, "startedAt"),
        "operation_finished_at": moment(state, "finishedAt"),
        "sync_result_revision": text(result, "revision"),
        "sync_result": tuple(_resource(entry) for entry in mappings(result, "resources")),
    }


def _resource(entry: Json) -> Resource:
    health = mapping(entry, "health")
    return Resource(
        group=text(entry, "group"),
        kind=text(entry, "kind"),
        namespace=text(entry, "namespace"),
        name=text(entry, "name"),
        status=text(entry, "status"),
        health=text(health, "status"),
        message=message(health) or message(entry),
        requires_pruning=entry.get("requiresPruning") is True,
        hook_phase=text(entry, "hookPhase") if entry.get("hookType") else "",
    )


def _history(entry: Json) -> HistoryEntry:
    by = mapping(entry, "initiatedBy")
    return HistoryEntry(
        id=integer(entry, "id"),
        revision=text(entry, "revision"),
        initiated_by=text(by, "username") or ("automated sync" if by.get("automated") else ""),
        deploy_started_at=moment(entry, "deployStartedAt"),
        deployed_at=moment(entry, "deployedAt"),
    )


def _compared_to(spec: Json, compared: Json) -> bool:
    keys = ("sources",) if spec.get("sources") else ("source",)
    return bool(compared) and all(
        without_zeros(spec.get(k)) == without_zeros(compared.get(k)) for k in (*keys, "destination")
    )


def _is_automated(spec: Json) -> bool:
    automated = mapping(spec, "syncPolicy").get("automated")
    return isinstance(automated, Mapping) and automated.get("enabled") is not False


def _left_over(resource: Resource) -> bool:
    return resource.status == "PruneSkipped" and resource.message != ALLOWED_UNPRUNED
