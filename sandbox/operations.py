"""One sync operation from its start to its end, in the order in which a real controller writes it."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.applications import Applications
from sandbox.clock import Clock
from sandbox.cluster import ApplyError, Cluster
from sandbox.comparison import HOOK, annotation, has_option, wave_of
from sandbox.documents import Document, copied, look
from sandbox.health import health_of
from sandbox.manifests import Key, Manifests, Target, apply_rank, images_of, key_of, tracked_by, version_of
from sandbox.repositories import RepositoryError

PICK_UP, LOAD, APPLY, RECORD, FINISH, WAIT, WAVE_PAUSE = 0.03, 0.1, 0.15, 0.05, 0.05, 0.2, 2.0
"""Seconds at speed 1 before each write, as recorded on a real server."""
PHASES = ("PreSync", "Sync", "PostSync", "SyncFail")
DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy"


class Terminated(Exception):
    """Somebody asked for the operation's end."""


class Failed(Exception):
    """The operation ran and failed; the message is its last word."""


@dataclass
class Task:
    """One object to apply (or to prune) in one phase and wave, and its entry in the sync result."""

    phase: str
    wave: int
    manifest: Document
    hook: bool
    prune: bool = False
    result: Document | None = None

    @property
    def key(self) -> Key:
        """The key of the object."""
        return key_of(self.manifest)

    @property
    def path(self) -> str:
        """The object as messages name it."""
        return f"{self.key.group}/{self.key.kind}/{self.key.name}"


def _hook_phase(manifest: Document) -> str:
    return next((name for name in annotation(manifest, HOOK).split(",") if name in PHASES), "Sync")


class Operation:
    """Runs the operation that is queued in one Application."""

    def __init__(
        self, application: Document, applications: Applications, cluster: Cluster, manifests: Manifests
    ) -> None:
        self.application = application
        self.applications = applications
        self.cluster = cluster
        self.manifests = manifests
        self.clock: Clock = applications.clock
        self.name: str = application["metadata"]["name"]
        self.sync: Document = application["operation"]["sync"]
        self.tasks: list[Task] = []

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
        try:
            await self._pause(LOAD)
            target = await self._load()
            await self._apply_all(target)
        except Terminated:
            await self._end_terminated()
        except Failed as error:
            await self._end("Failed", str(error))
        except RepositoryError as error:
            await self._end("Error", str(error))
        else:
            await self._succeed()

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
            return await self.manifests.target(self.application, self.sync["source"], self.sync["revision"])
        except RepositoryError as error:
            raise RepositoryError(load_failure(self.sync["revision"], error)) from error

    def _plan(self, target: Target) -> list[Task]:
        selected = self.sync.get("resources")
        tasks: list[Task] = []
        for manifest in target.objects:
            hook = bool(annotation(manifest, HOOK))
            if annotation(manifest, HOOK) == "Skip" or (
                hook and (selected or "apply" in self.sync.get("syncStrategy", {}))
            ):
                continue
            tasks.append(Task(_hook_phase(manifest) if hook else "Sync", wave_of(manifest), manifest, hook))
        tasks += self._prunes({task.key for task in tasks})
        if selected:
            tasks = [task for task in tasks if self._selected(task.key, selected)]
        tasks = [task for task in tasks if task.phase != "SyncFail"]
        tasks.sort(key=lambda task: (PHASES.index(task.phase), task.wave, task.prune, apply_rank(task.key)))
        return self._namespace_task(tasks) + tasks

    def _prunes(self, wanted: set[Key]) -> list[Task]:
        live = self.cluster.managed(self.name)
        return [Task("Sync", wave_of(item), item, hook=False, prune=True) for key, item in live.items()
                if key not in wanted and not annotation(item, HOOK)]  # fmt: skip

    @staticmethod
    def _selected(key: Key, selected: list[Document]) -> bool:
        return any(
            (item.get("group", ""), item.get("kind"), item.get("name")) == (key.group, key.kind, key.name)
            and item.get("namespace", key.namespace) in ("", key.namespace)
            for item in selected
        )

    def _namespace_task(self, tasks: list[Task]) -> list[Task]:
        namespace = look(self.application, "spec", "destination", "namespace", default="")
        key = Key("", "Namespace", "", namespace)
        asked = "CreateNamespace=true" in self.sync.get("syncOptions", [])
        wanted = any(task.key == key for task in tasks)
        needed = any(task.key.namespace == namespace for task in tasks)
        if not (asked and namespace and needed) or wanted or self.cluster.get(key):
            return []
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        return [Task("PreSync", min((task.wave for task in tasks), default=0) - 1, manifest, hook=False)]

    async def _apply_all(self, target: Target) -> None:
        self.tasks = self._plan(target)
        steps: list[list[Task]] = []
        for task in self.tasks:
            if not steps or (steps[-1][0].phase, steps[-1][0].wave) != (task.phase, task.wave):
                steps.append([])
            steps[-1].append(task)
        for number, step in enumerate(steps):
            await self._pause(APPLY)
            self._apply_step(step)
            self._fail_on_refusal()
            if number < len(steps) - 1 or any(task.hook for task in step):
                await self._wait_for(step)
                if number < len(steps) - 1 and step[0].phase == "Sync":
                    await self._pause(WAVE_PAUSE)

    def _apply_step(self, step: list[Task]) -> None:
        for task in step:
            result = self._prune(task) if task.prune else self._apply(task)
            task.result = self._entry(task) | result
        results = [task.result for task in self.tasks if task.result]
        if results:
            self._state["syncResult"]["resources"] = results

    def _entry(self, task: Task) -> Document:
        entry: Document = {"group": task.key.group, "version": version_of(task.manifest), "kind": task.key.kind,
                           "namespace": task.key.namespace, "name": task.key.name}  # fmt: skip
        if task.hook:
            entry["hookType"] = task.phase
        entry["syncPhase"] = task.phase
        if images_of(task.manifest) and not task.prune:
            entry["images"] = images_of(task.manifest)
        return entry

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

    def _apply_live(self, task: Task) -> str:
        live = self.cluster.get(task.key)
        if task.hook and live:
            self.cluster.delete(live)  # BeforeHookCreation, the default
        owner = self.name if tracked_by(task.manifest) == self.name else ""
        return self.cluster.apply(task.manifest, owner)

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
            self._say(waiting or step)
            if not waiting:
                return
            await self._pause(WAIT)

    def _say(self, waiting: list[Task]) -> None:
        hooks = [task for task in waiting if task.hook]
        first = (hooks or waiting)[0]
        kind = "completion of hook" if hooks else "healthy state of"
        count = len(hooks or waiting) - 1
        more = f" and {count} more {'hooks' if hooks else 'resources'}" if count else ""
        message = f"waiting for {kind} {first.path}{more}"
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

    async def _end_terminated(self) -> None:
        for task in self.tasks:
            live = self.cluster.get(task.key) if task.hook else None
            if task.result and task.result["hookPhase"] == "Running" and live:
                self.cluster.delete(live)
                task.result |= {"hookPhase": "Failed", "message": "Terminated"}
        await self._end("Failed", "Operation terminated")

    async def _succeed(self) -> None:
        if not self._dry and not self.sync.get("resources"):
            await self.clock.sleep(RECORD)
            self._add_history()
        everything = bool(self.tasks) and not self._dry
        await self._end("Succeeded", f"successfully synced ({'all tasks run' if everything else 'no more tasks'})")

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
        self._state.update({"phase": phase, "message": message, "finishedAt": self.clock.stamp()})
        del self.application["operation"]
        self.applications.save(self.application)
        ending = "succeeded" if phase == "Succeeded" else f"failed: {message}"
        self.applications.event(
            self.application, "OperationCompleted", f"Sync operation to {self.sync['revision']} {ending}"
        )


def load_failure(revision: str, error: RepositoryError) -> str:
    """A commit or path that cannot be read, as a comparison or an operation reports it."""
    reason = str(error)
    if "not our ref" in reason or "unadvertised object" in reason or "couldn't find remote ref" in reason:
        reason = (
            f"failed to initialize repository resources: rpc error: code = Internal desc = Failed to checkout revision "
            f"{revision}: `git fetch origin {revision} --tags --force --prune` failed exit status 128: {reason}"
        )
    return (
        "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: "
        f"rpc error: code = Unknown desc = {reason}"
    )
