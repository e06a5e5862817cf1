"""One sync operation from its start to its end, in the order in which a real controller writes it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from sandbox.applications import Applications, automated
from sandbox.clock import Clock, go_duration
from sandbox.cluster import ApplyError, Cluster
from sandbox.comparison import Comparison, annotation, compare, has_option
from sandbox.disturbance import Disturbance
from sandbox.documents import Document, copied, look
from sandbox.health import health_of
from sandbox.manifests import Manifests, Target, load_failure, tracked_by
from sandbox.planning import Plan, Task
from sandbox.repositories import RepositoryError

PICK_UP, LOAD, APPLY, RECORD, FINISH, WAIT, WAVE_PAUSE = 0.03, 0.1, 0.15, 0.02, 0.02, 0.2, 2.0
"""Seconds at speed 1 before each write, as recorded on a real server."""
TERMINATED = "Operation terminated"
DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy"


logger = logging.getLogger(__name__)


class Terminated(Exception):
    """Somebody asked for the operation's end."""


class Failed(Exception):
    """The operation ran and failed; the message is its last word."""


class Operation:
    """Runs the operation that is queued in one Application."""

    def __init__(
        self, application: Document, applications: Applications, cluster: Cluster, manifests: Manifests,
        disturbance: Disturbance,
    ) -> None:  # fmt: skip
        self.application = application
        self.applications = applications
        self.cluster = cluster
        self.manifests = manifests
        self.disturbance = disturbance
        self.clock: Clock = applications.clock
        self.name: str = application["metadata"]["name"]
        self.sync: Document = application["operation"]["sync"]
        self.tasks: list[Task] = []
        self.before: Comparison | None = None
        """How the last step found the cluster, where self-heal will look at it once more."""

    @property
    def _state(self) -> Document:
        state: Document = self.application["status"]["operationState"]
        return state

    async def _pause(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        if look(self.application, "status", "operationState", "phase") == "Terminating":
            raise Terminated

    async def run(self) -> None:
        """Run to the end; what it meets is written into `status.operationState`, never raised."""
        await self.clock.sleep(PICK_UP)
        self._begin()
        phase, message = await self._attempt()
        while phase in ("Failed", "Error") and await self._tries_again(message):
            phase, message = await self._attempt()
        await self._end(phase, message)

    async def _attempt(self) -> tuple[str, str]:
        self.tasks = []
        try:
            await self._pause(LOAD)
            target = await self._load()
            await self._apply_all(target)
        except Terminated:
            self._stop_hooks()
            await self.disturbance.terminating(self.application)
            return "Failed", TERMINATED
        except Failed as error:
            return "Failed", str(error)
        except RepositoryError as error:
            return "Error", str(error)
        return await self._success()

    async def _tries_again(self, message: str) -> bool:
        """Wait for the next attempt if one is left. `finishedAt` is set meanwhile, as on the real server."""
        retry = self._state["operation"].get("retry", {})
        done, limit = self._state.get("retryCount", 0), retry.get("limit", 0)
        if message == TERMINATED or (0 <= limit <= done):
            return False
        wait = retry_seconds(retry.get("backoff", {}), done)
        at = datetime.fromtimestamp(self.clock.due(wait), UTC).strftime("%-I:%M%p")
        said = f"{message}. Retrying attempt #{done + 1} at {at}."
        now = self.clock.stamp()
        self._state.update({"phase": "Running", "finishedAt": now, "retryCount": done + 1, "message": said})
        self.applications.save(self.application)
        try:
            await self._pause(wait)
        except Terminated:
            return False
        self._state["message"] = f"Retrying operation. Attempt #{done + 1}"
        for key in ("finishedAt", "syncResult"):
            self._state.pop(key, None)
        self.applications.save(self.application)
        return True

    def _begin(self) -> None:
        if look(self.application, "status", "operationState", "phase") in ("Running", "Terminating"):
            return  # resumed after a restart of the controller
        state = {
            "operation": copied(self.application["operation"]),
            "phase": "Running",
            "startedAt": self.clock.stamp(),
        }
        self.application["status"]["operationState"] = state
        self.applications.save(self.application)

    async def _load(self) -> Target:
        self._state["syncResult"] = {"revision": self.sync["revision"], "source": copied(self.sync["source"])}
        try:
            self.disturbance.check_reachable(self.name)
            return await self.manifests.target(self.application, self.sync["source"], self.sync["revision"])
        except RepositoryError as error:
            raise RepositoryError(load_failure(self.sync["revision"], error)) from error

    async def _apply_all(self, target: Target) -> None:
        steps = Plan(self.application, self.sync, self.cluster).steps(target)
        self.tasks = [task for step in steps for task in step]
        for number, step in enumerate(steps):
            await self._pause(APPLY)
            await self._clear_hooks(step)
            # A single object is applied before the comparison that its event starts; with more, that one comes in time.
            if step is steps[-1] and len(step) == 1 and look(automated(self.application), "selfHeal"):
                self.before = compare(self.cluster, self.name, target)
            self._apply_step(step)
            self._fail_on_refusal()
            if number < len(steps) - 1 or any(task.hook for task in step):
                await self._wait_for(step)
                if number < len(steps) - 1 and step[0].phase == "Sync":
                    await self._pause(WAVE_PAUSE)

    def _apply_step(self, step: list[Task]) -> None:
        for task in step:
            result = self._prune(task) if task.prune else self._apply(task)
            task.result = task.entry() | result
        results = [task.result for task in self.tasks if task.result]
        if results:
            self._state["syncResult"]["resources"] = results

    @property
    def _dry(self) -> bool:
        return bool(self.sync.get("dryRun"))

    def _apply(self, task: Task) -> Document:
        group = f".{task.key.group}" if task.key.group else ""
        subject = f"{task.key.kind.lower()}{group}/{task.key.name}"
        try:
            if self._dry:
                outcome = self.cluster.would_apply(task.manifest)[0]
                return {"status": "Synced", "message": f"{subject} {outcome} (dry run)", "hookPhase": "Succeeded"}
            outcome = self._apply_live(task)
        except ApplyError as error:
            return {"status": "SyncFailed", "message": str(error), "hookPhase": "Failed"}
        return {"status": "Synced", "message": f"{subject} {outcome}", "hookPhase": "Running"}

    async def _clear_hooks(self, step: list[Task]) -> None:
        """Delete hooks of an earlier operation before they are made anew (BeforeHookCreation, the default)."""
        if self._dry:
            return
        while old := [task for task in step if task.hook and self.cluster.get(task.key)]:
            for task in old:
                self.cluster.delete(self.cluster.get(task.key) or {})
            gone = [task for task in old if self.cluster.get(task.key)]
            if gone:
                self._say("deletion of hook", gone)
                await self._pause(WAIT)

    def _apply_live(self, task: Task) -> str:
        live = self.cluster.get(task.key)
        if live and task.key.kind == "Namespace" and task.phase == "PreSync" and not task.hook:
            # It was not there when this operation was planned: another Application's was quicker.
            raise ApplyError(f'namespaces "{task.key.name}" already exists')
        owner = self.name if tracked_by(task.manifest) == self.name else ""
        outcome = self.cluster.apply(task.manifest, owner)
        # The patch of a PodDisruptionBudget replaces its selector, so it is never empty.
        return "configured" if live and task.key.kind == "PodDisruptionBudget" else outcome

    def _prune(self, task: Task) -> Document:
        if has_option(task.manifest, "Prune=false"):
            return {"status": "PruneSkipped", "message": "ignored (no prune)", "hookPhase": "Succeeded"}
        if not self.sync.get("prune"):
            return {"status": "PruneSkipped", "message": "ignored (requires pruning)", "hookPhase": "Succeeded"}
        if not self._dry:
            live = self.cluster.get(task.key)
            if live:
                self.cluster.delete(live)
        return {"status": "Pruned", "message": "pruned (dry run)" if self._dry else "pruned", "hookPhase": "Succeeded"}

    def _fail_on_refusal(self) -> None:
        refused = [task for task in self.tasks if task.result and task.result["status"] == "SyncFailed"]
        if refused:
            reasons = ",".join(dict.fromkeys(str((task.result or {})["message"]) for task in refused))
            raise Failed(f"one or more objects failed to apply, reason: {reasons}")

    async def _wait_for(self, step: list[Task]) -> None:
        if self._dry:
            return
        while True:
            waiting = [task for task in step if not self._settled(task)]
            failed = [task for task in step if task.result and task.result["hookPhase"] == "Failed"]
            if failed:
                raise Failed("one or more synchronization tasks completed unsuccessfully")
            hooks = [task for task in waiting or step if task.hook]
            self._say("completion of hook" if hooks else "healthy state of", hooks or waiting or step)
            if not waiting:
                return
            await self._pause(WAIT)

    def _say(self, what: str, waiting: list[Task]) -> None:
        kind, count = "hooks" if "hook" in what else "resources", len(waiting) - 1
        more = f" and {count} more {kind}" if count else ""
        message = f"waiting for {what} {waiting[0].path}{more}"
        if self._state.get("message") != message:
            self._state["message"] = message
            self.applications.save(self.application)

    def _settled(self, task: Task) -> bool:
        live = self.cluster.get(task.key)
        if live is None or task.result is None:
            return True
        found = health_of(live) or {"status": "Healthy"}
        if found["status"] == "Degraded":
            task.result |= {"hookPhase": "Failed", "message": found.get("message", "")}
            return True
        if found["status"] != "Healthy":
            return False
        if task.hook or task.phase == "Sync":
            task.result["hookPhase"] = "Succeeded"
        if task.hook:
            task.result["message"] = found.get("message") or task.result["message"]
            if "HookSucceeded" in annotation(task.manifest, DELETE_POLICY):
                self.cluster.delete(live)
        return True

    def _stop_hooks(self) -> None:
        for task in self.tasks:
            live = self.cluster.get(task.key) if task.hook else None
            if task.result and task.result["hookPhase"] == "Running" and live:
                self.cluster.delete(live)
                task.result |= {"hookPhase": "Failed", "message": "Terminated"}

    async def _success(self) -> tuple[str, str]:
        if not self._dry and not self.sync.get("resources"):
            await self.clock.sleep(RECORD)
            self._add_history()
        everything = bool(self.tasks) and not self._dry
        return "Succeeded", f"successfully synced ({'all tasks run' if everything else 'no more tasks'})"

    def _add_history(self) -> None:
        limit = look(self.application, "spec", "revisionHistoryLimit", default=10)
        history = self.application["status"].get("history", [])
        entry = {
            "revision": self.sync["revision"], "deployedAt": self.clock.stamp(),
            "id": history[-1]["id"] + 1 if history else 0, "source": copied(self.sync["source"]),
            "deployStartedAt": self._state["startedAt"], "initiatedBy": copied(self._state["operation"]["initiatedBy"]),
        }  # fmt: skip
        self.application["status"]["history"] = [*history, entry][-limit:] if limit else []
        self.applications.save(self.application)

    async def _end(self, phase: str, message: str) -> None:
        await self.clock.sleep(FINISH)
        if self._state["phase"] == "Terminating" and phase != "Succeeded":
            phase, message = "Failed", TERMINATED
        if phase != "Succeeded" and message != TERMINATED and (retried := self._state.get("retryCount")):
            message = f"{message} (retried {retried} times)."
        self._state.update({"phase": phase, "message": message, "finishedAt": self.clock.stamp()})
        del self.application["operation"]
        self.applications.save(self.application)
        logger.info("operation ended application=%s phase=%s message=%s", self.name, phase, message)
        ending = "succeeded" if phase == "Succeeded" else f"failed: {message}"
        self.applications.event(
            self.application, "OperationCompleted", f"Sync operation to {self.sync['revision']} {ending}"
        )


def retry_seconds(backoff: Document, attempt: int) -> float:
    """How long to wait before the next attempt, by the retry policy and its defaults."""
    first = go_duration(str(backoff.get("duration") or "5s"))
    longest = go_duration(str(backoff.get("maxDuration") or "3m"))
    return min(first * float(backoff.get("factor") or 2) ** attempt, longest)
