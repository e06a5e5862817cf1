"""Whether an Application is rolled out at a commit, and in words why not. Pure: one observation in, one verdict out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from controlpanel.clients.argocd_models import Application

Standing = Literal["rolled_out", "waiting", "stale", "superseded", "failed", "degraded", "suspended"]


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


def synced_at(seen: Application, commit: str, marker: str | None, equivalent: Collection[str]) -> Verdict:
    """Whether live state was proved to follow the commit, health left aside."""
    for verdict in (_operation_verdict(seen, commit, marker), _comparison_verdict(seen, {commit, *equivalent})):
        if verdict is not None:
            return verdict
    return ROLLED_OUT


def health_verdict(seen: Application) -> Verdict:
    """Whether it is healthy, with the resource that is not in words."""
    if seen.health_status == "Healthy":
        return ROLLED_OUT
    blocking = seen.blocking_resource()
    cause = f"{blocking.title}{_said(blocking.message)}" if blocking else seen.health_message
    reason = f"{seen.name} is {seen.health_status or 'without health yet'}{_said(cause)}."
    standings: dict[str, Standing] = {"Degraded": "degraded", "Suspended": "suspended"}
    return Verdict(standings.get(seen.health_status, "waiting"), reason)


def _operation_verdict(seen: Application, commit: str, marker: str | None) -> Verdict | None:
    if seen.deleting:
        return Verdict("failed", f"{seen.name} is being deleted.")
    if marker is not None and not seen.carries(marker):
        return _not_ours(seen)
    if seen.operation_running:
        return Verdict("waiting", f"The operation on {seen.name} is running{_said(seen.operation_message)}.")
    if not seen.operation_done and (seen.operation_phase or marker is not None):
        return Verdict(
            "waiting", f"The operation on {seen.name} reads {seen.operation_phase or 'unstarted'} but nobody runs it."
        )
    if marker is None and seen.operation_revision != commit and seen.sync_result_revision != commit:
        return None
    fault = operation_fault(seen, commit)
    return Verdict("failed", fault) if fault else None


def _not_ours(seen: Application) -> Verdict:
    if seen.operation_running and not seen.operation_marker:
        return Verdict(
            "waiting", f"An operation by {seen.operation_initiated_by or 'someone else'} runs on {seen.name}."
        )
    if seen.operation_running:
        return Verdict("waiting", f"The operation of promotion {seen.operation_marker} runs on {seen.name}.")
    if not seen.operation_phase:
        return Verdict("waiting", f"No operation was seen on {seen.name} yet.")
    return Verdict(
        "superseded",
        f"The last operation on {seen.name} is not ours (by {seen.operation_initiated_by or 'unknown'}).",
    )


def operation_fault(seen: Application, commit: str) -> str:
    """Why the last operation did not succeed at `commit`, "" if it did."""
    if not seen.operation_done:
        return f"The operation on {seen.name} has not ended."
    if seen.operation_phase != "Succeeded":
        return f"The operation on {seen.name} ended {seen.operation_phase}{_said(seen.operation_message)}."
    if seen.operation_dry_run:
        return f"The last operation on {seen.name} was a dry run."
    if seen.operation_finished_at is None or seen.sync_result_revision != commit:
        return f"The operation on {seen.name} applied {seen.sync_result_revision[:12] or 'nothing known'}, not {commit[:12]}."
    left = seen.unapplied()
    return f"{left[0].title} was not applied{_said(left[0].message)}." if left else ""


def _comparison_verdict(seen: Application, commits: Collection[str]) -> Verdict | None:
    if not seen.fresh:
        return Verdict("stale", f"{seen.name} was not compared again since the operation ended.")
    if not seen.compared_to_spec:
        return Verdict("stale", f"{seen.name} was compared to an older specification.")
    if seen.revision not in commits:
        return Verdict("stale", f"{seen.name} was compared at {seen.revision[:12] or 'no commit'}.")
    if seen.errors:
        return Verdict("waiting", f"{seen.name} reports {seen.errors[0].type}{_said(seen.errors[0].message)}.")
    if seen.sync_status != "Synced":
        return Verdict("waiting", f"{seen.name} is {seen.sync_status or 'not compared'}.")
    return None


def _said(message: str) -> str:
    return f": {message.strip().rstrip('.')}" if message.strip() else ""
