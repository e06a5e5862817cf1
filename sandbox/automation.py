"""Automated sync and self-heal: when the controller starts an operation by itself."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.applications import automated, resource_key
from sandbox.clock import epoch_of
from sandbox.comparison import Comparison
from sandbox.documents import Document, copied, look, without_empty
from sandbox.scheduler import Scheduler

SELF_HEAL_SECONDS, SELF_HEAL_FACTOR, SELF_HEAL_LONGEST = 2.0, 3.0, 300.0
RETRIES = 5
"""How often an automated operation is tried again, unless the Application says otherwise."""


class Automation:
    """Decides after each comparison; `queue` puts the operation into the Application."""

    def __init__(
        self, scheduler: Scheduler, permits: Callable[[Document], bool], queue: Callable[[Document, Document], None]
    ) -> None:
        self.scheduler = scheduler
        self.clock = scheduler.clock
        self.permits = permits
        self.queue = queue

    def consider(self, application: Document, outcome: Comparison, revision: str, *, full: bool) -> None:
        """Start an operation if the policy asks for one. Only a `full` comparison may start one to a new revision."""
        policy = automated(application)
        if policy is None or "operation" in application or outcome.sync != "OutOfSync":
            return
        if application["metadata"].get("deletionTimestamp"):
            return
        if not outcome.needs_more_than_pruning and not policy.get("prune"):
            return
        if outcome.would_remove_all and not policy.get("allowEmpty"):
            return
        if not self.permits(application):
            return
        last = look(application, "status", "operationState", "operation", "sync", default={})
        tried = last.get("revision") == revision and last.get("source") == application["spec"]["source"]
        sync: Document = {"revision": revision, "source": copied(application["spec"]["source"])}
        if policy.get("prune"):
            sync["prune"] = True
        if tried and self._heals(application, policy, last):
            sync |= self._healing(outcome, last)
        elif tried or not full:
            return
        options = look(application, "spec", "syncPolicy", "syncOptions")
        if options:
            sync["syncOptions"] = copied(options)
        retry = look(application, "spec", "syncPolicy", "retry", default={"limit": RETRIES})
        self.queue(application, {"sync": sync, "initiatedBy": {"automated": True}, "retry": copied(retry)})

    def heal_at_once(self, application: Document, before: Comparison | None) -> None:
        """After an operation: with self-heal on, the comparison of before its apply still counts and starts another one."""
        revision = look(application, "status", "sync", "revision", default="")
        if before is not None and look(automated(application), "selfHeal"):
            self.consider(application, before, revision, full=False)

    def _heals(self, application: Document, policy: Document, last: Document) -> bool:
        state = application["status"]["operationState"]
        if not policy.get("selfHeal") or state.get("phase") != "Succeeded":
            return False
        attempts = last.get("autoHealAttemptsCount", 0)
        wait = min(SELF_HEAL_SECONDS * SELF_HEAL_FACTOR ** (attempts - 1), SELF_HEAL_LONGEST) if attempts else 0.0
        due = epoch_of(state["finishedAt"]) - self.clock.skew + wait / self.clock.speed
        if due > self.clock.epoch():
            self.scheduler.wake_at("live", application["metadata"]["name"], due)
            return False
        return True

    @staticmethod
    def _healing(outcome: Comparison, last: Document) -> Document:
        keys = [resource_key(item) for item in outcome.resources if item.get("status") == "OutOfSync"]
        resources = [without_empty({"group": key.group, "kind": key.kind, "name": key.name}) for key in keys]
        return {"resources": resources, "autoHealAttemptsCount": last.get("autoHealAttemptsCount", 0) + 1}
