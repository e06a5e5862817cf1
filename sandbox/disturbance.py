"""Faults of the controller: stale status, slowness, lost and foreign operations, flapping health, an unreachable cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.comparison import Comparison
from sandbox.documents import Document, copied, look
from sandbox.faults import Faults, Rule
from sandbox.health import health
from sandbox.repositories import RepositoryError

if TYPE_CHECKING:
    from sandbox.controller import Controller

POLL_SECONDS = 0.005
UNREACHABLE = (
    'Failed to load live state: failed to get cluster info for "https://kubernetes.default.svc": error synchronizing cache '
    'state : failed to get server version: Get "https://10.96.0.1:443/version?timeout=32s": dial tcp 10.96.0.1:443: '
    "connect: connection refused"
)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds; nobody tells, so it is asked often."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)


class Disturbance:
    """Stands beside the controller, which asks it at each of its steps. Seconds are real, whatever the speed."""

    def __init__(self, faults: Faults, controller: Controller) -> None:
        self.faults = faults
        self.controller = controller
        self.applications = controller.applications
        self._stale: dict[str, float] = {}
        self._affected: set[str] = set()
        faults.changed = self.rules_changed

    # When rules come and go

    def rules_changed(self) -> None:
        """Do at once what new rules ask for, and take back what old ones did."""
        skew = [rule["seconds"] for rule in self.faults.rules if rule.effect == "clock-skew"]
        self.controller.clock.skew = float(sum(skew))
        effects = {rule.effect for rule in self.faults.rules}
        if "stale-status" not in effects:
            self._stale.clear()
        if "restart" not in effects:
            self.faults.down_until = 0.0
        self._look_again()
        for rule in self.faults.rules:
            if rule.effect == "restart" and not rule.fired:
                self._restart(rule)
            if rule.effect == "foreign-operation" and rule["moment"] == "now" and not rule.fired:
                self._start_foreign_operations(rule)

    def _look_again(self) -> None:
        names = {item["metadata"]["name"] for item in self.applications.all()}
        effects = ("health-flap", "unreachable-cluster")
        affected = {name for name in names if any(self.faults.standing(effect, name) for effect in effects)}
        for name in affected | self._affected & names:
            self.controller.scheduler.wake("full", name)
        self._affected = affected

    def _restart(self, rule: Rule) -> None:
        self.faults.note(rule)
        self.faults.down_until = time.monotonic() + rule["seconds"]
        self.applications.hub.drop()

    def _start_foreign_operations(self, rule: Rule) -> None:
        for application in self.applications.all():
            name = application["metadata"]["name"]
            if rule.fits(name) and self.faults.fires(rule, name):
                self.faults.note(rule, name)
                self._begin(self._operate_foreign(application, rule))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self.controller.start(asyncio.create_task(work))

    # Somebody else

    async def _operate_foreign(self, application: Document, rule: Rule) -> None:
        await asyncio.sleep(rule["seconds"])
        await until(lambda: "operation" not in application or rule not in self.faults.rules)
        if rule in self.faults.rules:
            self._queue_foreign(application, rule)

    def _queue_foreign(self, application: Document, rule: Rule) -> None:
        history = application["status"].get("history", [])
        known = [look(application, "status", "sync", "revision"), *(item["revision"] for item in reversed(history))]
        revision = rule["revision"] or next(filter(None, known), "")
        gone = self.applications.find(application["metadata"]["name"]) is not application
        if "operation" in application or gone or not revision:
            return
        sync = {"revision": revision, "prune": True, "source": copied(application["spec"]["source"])}
        self.controller.queue(application, {"sync": sync, "initiatedBy": {"username": rule["by"]}, "retry": {}})

    def before_sync(self, application: Document) -> None:
        """Somebody else may be quicker than the sync that is about to be queued."""
        if "operation" in application:
            return
        rule = self.faults.draw("foreign-operation", application["metadata"]["name"], moment="before-sync")
        if rule:
            self._queue_foreign(application, rule)

    async def _terminate_foreign(self, application: Document, rule: Rule) -> None:
        await asyncio.sleep(rule["seconds"])
        await until(lambda: "operation" not in application or self.controller.terminate(application, rule["by"]))

    # One operation

    async def takes(self, application: Document) -> bool:
        """Whether the controller takes up the operation that waits; perhaps late, perhaps it loses it."""
        name = application["metadata"]["name"]
        if slow := self.faults.draw("slow-controller", name):
            await self._pass(slow)
        if stale := self.faults.draw("stale-status", name):
            self._stale[name] = float("inf")
            application["status"].setdefault("sync", {})
            self._begin(self._end_staleness(application, stale))
        if lost := self.faults.draw("lost-operation", name):
            self._lose(application, lost)
            return False
        if terminated := self.faults.draw("foreign-termination", name):
            self._begin(self._terminate_foreign(application, terminated))
        return True

    async def _pass(self, rule: Rule) -> None:
        end = time.monotonic() + rule["seconds"]
        await until(lambda: time.monotonic() >= end or rule not in self.faults.rules)

    def _lose(self, application: Document, rule: Rule) -> None:
        operation = application.pop("operation")
        if rule["leaves"] == "running":
            state = {"operation": operation, "phase": "Running", "startedAt": self.controller.clock.stamp()}
            application["status"]["operationState"] = state
        self.applications.save(application)
        self.applications.log_operation(application, operation, kind="lost")

    async def terminating(self, application: Document) -> None:
        """An operation that shall end may hang in Terminating."""
        rule = self.faults.draw("stuck-terminating", application["metadata"]["name"])
        if rule:
            await self._pass(rule)

    def ended(self, application: Document, operation: Document) -> None:
        """An operation has ended; somebody else may start one right behind it."""
        name = application["metadata"]["name"]
        foreign = {rule["by"] for rule in self.faults.rules if rule.effect == "foreign-operation"}
        if look(operation, "initiatedBy", "username") in foreign:
            return
        rule = self.faults.draw("foreign-operation", name, moment="after-sync")
        if rule:
            self._begin(self._operate_foreign(application, rule))

    # What comparisons write

    async def _end_staleness(self, application: Document, rule: Rule) -> None:
        name = application["metadata"]["name"]
        await until(lambda: "operation" not in application or rule not in self.faults.rules)
        if rule["shows"] == "early" and rule in self.faults.rules:
            self._claim_success(application)
        await self._pass(rule)
        if name in self._stale:
            del self._stale[name]
        self.controller.scheduler.wake("full", name)

    def _claim_success(self, application: Document) -> None:
        status = application["status"]
        revision = look(status, "operationState", "syncResult", "revision", default="")
        status["sync"] = {**status["sync"], "status": "Synced", "revision": revision}
        status["health"] = {**status["health"], "status": "Healthy"}
        self.applications.save(application)

    async def settle(self, name: str) -> None:
        """Wait while the status of this Application is to stay as it is."""
        await until(lambda: name not in self._stale)

    def next_look(self, name: str) -> float | None:
        """When to look at live objects again instead of now (epoch time), or None: now."""
        if name in self._stale or self.faults.standing("unreachable-cluster", name):
            return self.controller.clock.epoch() + 0.1
        return None

    def check_reachable(self, name: str) -> None:
        """RepositoryError (a comparison that cannot be made) where the cluster does not answer."""
        if self.faults.standing("unreachable-cluster", name):
            raise RepositoryError(UNREACHABLE)

    def seen(self, name: str, outcome: Comparison) -> Comparison:
        """The outcome of a comparison as it is written; flapping health is worse in every other period."""
        rule = self.faults.standing("health-flap", name)
        if rule is None:
            return outcome
        epoch, period = self.controller.clock.epoch(), rule["seconds"]
        self.controller.scheduler.wake_at("live", name, (epoch // period + 1) * period)
        if int(epoch // period) % 2 == 0:
            return outcome
        rule.fired += 1
        return replace(outcome, health=health(rule["status"], f"Flapping: {rule['status']}"))
