"""Argo CD's Application, parsed once into values. Any field may be absent; absent text is "", absent times are None.

Everything here is pure. The times come from Argo CD's clock, have a resolution of one second and are compared only
with each other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

MARKER = "promotion"
"""Name of the `info` entry that carries our promotion's id in a sync operation."""

TERMINAL_PHASES = frozenset({"Succeeded", "Failed", "Error"})
ALLOWED_UNPRUNED = "ignored (no prune)"
"""Message of a resource that opted out of pruning by annotation; any other PruneSkipped means it was left over."""

Json = Mapping[str, Any]
Standing = Literal["rolled_out", "waiting", "stale", "superseded", "failed", "degraded", "suspended"]


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
class Verdict:
    """Whether an Application is rolled out, and in words why not.

    `stale`: what is known is older than the operation or compares something else; ask for a refresh. `waiting`: not yet.
    `degraded` may pass within a grace time; `superseded` and `failed` do not pass by themselves.
    """

    standing: Standing
    reason: str = ""

    @property
    def rolled_out(self) -> bool:
        return self.standing == "rolled_out"

    def __bool__(self) -> bool:
        return self.rolled_out


ROLLED_OUT = Verdict("rolled_out")


@dataclass(frozen=True)
class Application:
    """Argo CD's Application; `operation_*` is the running operation, else the last one."""

    name: str
    namespace: str = ""
    uid: str = ""
    project: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
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
            labels=_texts(metadata, "labels"),
            annotations=_texts(metadata, "annotations"),
            resource_version=integer(metadata, "resourceVersion"),
            deleting="deletionTimestamp" in metadata,
            spec=spec,
            sync_status=text(sync, "status"),
            revision=text(sync, "revision"),
            health_status=text(health, "status"),
            health_message=text(health, "message"),
            **_operation(document, mapping(status, "operationState")),
            reconciled_at=moment(status, "reconciledAt"),
            compared_to_spec=_compared_to(spec, mapping(sync, "comparedTo")),
            automated=_is_automated(spec),
            conditions=tuple(Condition(text(c, "type"), text(c, "message")) for c in mappings(status, "conditions")),
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
        return not self._operation_fault(commit)

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
        for verdict in (self._operation_verdict(commit, marker), self._comparison_verdict({commit, *equivalent})):
            if verdict is not None:
                return verdict
        return ROLLED_OUT

    def rolled_out_at(self, commit: str, marker: str | None, *, equivalent: Collection[str] = ()) -> Verdict:
        """Whether `commit` is live and healthy, by one observation. Ask twice with a settle time between."""
        synced = self.synced_at(commit, marker, equivalent=equivalent)
        return self._health_verdict() if synced else synced

    # ---- the parts of the verdict

    def _operation_verdict(self, commit: str, marker: str | None) -> Verdict | None:
        if self.deleting:
            return Verdict("failed", f"{self.name} is being deleted.")
        if marker is not None and not self.carries(marker):
            return self._not_ours()
        if self.operation_running:
            return Verdict("waiting", f"The operation on {self.name} is running{_said(self.operation_message)}.")
        if self.operation_orphaned:
            return Verdict("waiting", f"The operation on {self.name} reads {self.operation_phase} but nobody runs it.")
        if marker is None and self.operation_revision != commit and self.sync_result_revision != commit:
            return None
        fault = self._operation_fault(commit)
        return Verdict("failed", fault) if fault else None

    def _not_ours(self) -> Verdict:
        if self.operation_running and not self.operation_marker:
            return Verdict(
                "waiting", f"An operation by {self.operation_initiated_by or 'someone else'} runs on {self.name}."
            )
        if self.operation_running:
            return Verdict("waiting", f"The operation of promotion {self.operation_marker} runs on {self.name}.")
        if not self.operation_phase:
            return Verdict("waiting", f"No operation was seen on {self.name} yet.")
        return Verdict(
            "superseded",
            f"The last operation on {self.name} is not ours (by {self.operation_initiated_by or 'unknown'}).",
        )

    def _operation_fault(self, commit: str) -> str:
        """Why the last operation did not succeed at `commit`, "" if it did."""
        if not self.operation_done:
            return f"The operation on {self.name} has not ended."
        if self.operation_phase != "Succeeded":
            return f"The operation on {self.name} ended {self.operation_phase}{_said(self.operation_message)}."
        if self.operation_dry_run:
            return f"The last operation on {self.name} was a dry run."
        if self.operation_finished_at is None or self.sync_result_revision != commit:
            return f"The operation on {self.name} applied {self.sync_result_revision[:12] or 'nothing known'}, not {commit[:12]}."
        left = self.unapplied()
        return f"{left[0].title} was not applied{_said(left[0].message)}." if left else ""

    def _comparison_verdict(self, commits: Collection[str]) -> Verdict | None:
        if not self.fresh:
            return Verdict("stale", f"{self.name} was not compared again since the operation ended.")
        if not self.compared_to_spec:
            return Verdict("stale", f"{self.name} was compared to an older specification.")
        if self.revision not in commits:
            return Verdict("stale", f"{self.name} was compared at {self.revision[:12] or 'no commit'}.")
        if self.errors:
            return Verdict("waiting", f"{self.name} reports {self.errors[0].type}{_said(self.errors[0].message)}.")
        if self.sync_status != "Synced":
            return Verdict("waiting", f"{self.name} is {self.sync_status or 'not compared'}.")
        return None

    def _health_verdict(self) -> Verdict:
        if self.health_status == "Healthy":
            return ROLLED_OUT
        blocking = self.blocking_resource()
        cause = f"{blocking.title}{_said(blocking.message)}" if blocking else self.health_message
        reason = f"{self.name} is {self.health_status or 'without health yet'}{_said(cause)}."
        standings: dict[str, Standing] = {"Degraded": "degraded", "Suspended": "suspended"}
        return Verdict(standings.get(self.health_status, "waiting"), reason)


# ---- reading JSON in which anything may be absent or null


def mapping(document: Json, key: str) -> Json:
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(document: Json, key: str) -> tuple[Json, ...]:
    value = document.get(key)
    return tuple(entry for entry in value if isinstance(entry, Mapping)) if isinstance(value, list) else ()


def strings(document: Json, key: str) -> tuple[str, ...]:
    value = document.get(key)
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def text(document: Json, key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def integer(document: Json, key: str) -> int:
    value = document.get(key)
    try:
        return int(value) if isinstance(value, int | str) else 0
    except ValueError:
        return 0


def moment(document: Json, key: str) -> datetime | None:
    """An RFC 3339 time, always with a zone; None when absent, null, zero or unreadable."""
    try:
        at = datetime.fromisoformat(text(document, key))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if at.year > 1 else None


def _texts(document: Json, key: str) -> dict[str, str]:
    return {name: value for name, value in mapping(document, key).items() if isinstance(value, str)}


def _operation(document: Json, state: Json) -> dict[str, Any]:
    running = mapping(document, "operation")
    operation = running or mapping(state, "operation")
    sync, by, result = mapping(operation, "sync"), mapping(operation, "initiatedBy"), mapping(state, "syncResult")
    return {
        "operation_running": bool(running),
        "operation_phase": text(state, "phase"),
        "operation_message": text(state, "message"),
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
        message=text(health, "message") or text(entry, "message"),
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
    return bool(compared) and all(_pruned(spec.get(k)) == _pruned(compared.get(k)) for k in (*keys, "destination"))


def _pruned(value: Any) -> Any:
    """Argo CD leaves out zero values, people write them: equal either way."""
    if isinstance(value, Mapping):
        kept = {key: _pruned(entry) for key, entry in value.items()}
        return {key: entry for key, entry in kept.items() if entry not in (None, "", False, {}, [])}
    return [_pruned(entry) for entry in value] if isinstance(value, list) else value


def _is_automated(spec: Json) -> bool:
    automated = mapping(spec, "syncPolicy").get("automated")
    return isinstance(automated, Mapping) and automated.get("enabled") is not False


def _left_over(resource: Resource) -> bool:
    return resource.status == "PruneSkipped" and resource.message != ALLOWED_UNPRUNED


def _said(message: str) -> str:
    return f": {message.strip().rstrip('.')}" if message.strip() else ""
