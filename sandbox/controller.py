"""The application controller: compares when something changed or was asked for, runs operations, syncs by itself."""

from __future__ import annotations

import asyncio
import logging
import random

from sandbox.applications import Applications
from sandbox.automation import Automation
from sandbox.cluster import Cluster
from sandbox.comparison import Comparison, compare, resource_health
from sandbox.deletion import Deletion
from sandbox.disturbance import Disturbance
from sandbox.documents import Document, copied, look, without_empty
from sandbox.faults import Faults
from sandbox.health import Health
from sandbox.manifests import Key, Manifests, Target, load_failure
from sandbox.operations import Operation
from sandbox.repositories import RepositoryError
from sandbox.scheduler import Scheduler
from sandbox.windows import Windows

CREATED_SECONDS, LIVE_SECONDS, FORCED_SECONDS = 0.04, 0.08, 0.12
"""How long after a creation, a change of a live object and the end of an operation a comparison comes, at speed 1."""
POLL_SECONDS, POLL_JITTER = 120.0, 60.0
"""Git is asked again this often; not scaled by the speed, as nothing that a person waits for hangs on it."""
REFRESH, HYDRATE = "argocd.argoproj.io/refresh", "argocd.argoproj.io/hydrate"

logger = logging.getLogger(__name__)


class Controller:
    """One for all Applications; tasks exist only while an operation or a full comparison runs."""

    def __init__(
        self,
        applications: Applications,
        cluster: Cluster,
        manifests: Manifests,
        scheduler: Scheduler,
        windows: Windows,
        faults: Faults,
    ) -> None:
        self.applications = applications
        self.cluster = cluster
        self.manifests = manifests
        self.scheduler = scheduler
        self.clock = scheduler.clock
        self.automation = Automation(scheduler, lambda item: windows.permits(item, manual=False), self.queue)
        self._targets: dict[str, Target] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._operating: set[str] = set()
        self.deletion = Deletion(applications, cluster, scheduler, self._forget)
        self.disturbance = Disturbance(faults, self)
        applications.health_of = lambda name: resource_health(cluster, name, self._targets.get(name))
        cluster.on_change = lambda name: scheduler.wake("live", name, LIVE_SECONDS)
        scheduler.register("live", self._live_step)
        scheduler.register("full", self._full_step)
        scheduler.register("poll", self._poll_step)
        scheduler.register("operation", self._operation_step)

    def resume(self) -> None:
        """After a start: compare everything once (from Git) and take up what was running."""
        for application in self.applications.all():
            name = application["metadata"]["name"]
            self.scheduler.wake("full", name, random.uniform(0, 2))
            self._plan_poll(name)
            self.wake_operation(name)
            self.scheduler.wake("deletion", name)

    def created(self, name: str) -> None:
        """A new or edited Application: compare it soon."""
        self.scheduler.wake("full", name, CREATED_SECONDS)
        self._plan_poll(name)

    def wake_operation(self, name: str) -> None:
        """Look whether an operation is queued."""
        self.scheduler.wake("operation", name)

    def _plan_poll(self, name: str) -> None:
        due = self.clock.epoch() + POLL_SECONDS + random.uniform(0, POLL_JITTER)
        self.scheduler.wake_at("poll", name, due)

    def start(self, work: asyncio.Task[None]) -> None:
        """Keep a task until it ends; it is cancelled when the controller stops."""
        self._tasks.add(work)
        work.add_done_callback(self._finished)

    def _finished(self, work: asyncio.Task[None]) -> None:
        self._tasks.discard(work)
        if not work.cancelled() and (error := work.exception()):
            logger.error("controller task failed error=%r", error, exc_info=error)

    async def stop(self) -> None:
        """End every task; operations stay queued and are taken up at the next start."""
        for work in list(self._tasks):
            work.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _poll_step(self, name: str) -> float | None:
        if self.applications.find(name) is None:
            return None
        self._full_step(name)
        self._plan_poll(name)
        return None

    def _full_step(self, name: str) -> float | None:
        self.start(asyncio.create_task(self.compare_fully(name)))
        return None

    def _live_step(self, name: str) -> float | None:
        application, target = self.applications.find(name), self._targets.get(name)
        if application is None or target is None:
            return None
        if (later := self.disturbance.next_look(name)) is not None:
            return later
        if target.revision == look(application, "status", "sync", "revision"):
            self._write_live(application, target)
        return None

    def _write_live(self, application: Document, target: Target) -> None:
        name = application["metadata"]["name"]
        outcome = self.disturbance.seen(name, compare(self.cluster, name, target))
        status = self._status(application, outcome)
        if status != application["status"]:
            application["status"] = status
            self.applications.save(application)
        self.automation.consider(application, outcome, target.revision, full=False)

    def _forget(self, name: str) -> None:
        self._targets.pop(name, None)
        self._locks.pop(name, None)

    def target(self, name: str) -> Target | None:
        """What the Application wanted when it was last compared."""
        return self._targets.get(name)

    def _operation_step(self, name: str) -> float | None:
        application = self.applications.find(name)
        if application is None or "operation" not in application or name in self._operating:
            return None
        self._operating.add(name)
        self.start(asyncio.create_task(self._operate(application)))
        return None

    async def _operate(self, application: Document) -> None:
        name, queued = application["metadata"]["name"], application["operation"]
        try:
            if await self.disturbance.takes(application):
                operation = Operation(application, self.applications, self.cluster, self.manifests, self.disturbance)
                await operation.run()
                self.disturbance.ended(application, queued)
                self.automation.heal_at_once(application, operation.before)
        finally:
            self._operating.discard(name)
        self.applications.store.flush()
        if not queued["sync"].get("dryRun"):
            self.scheduler.wake("full", name, FORCED_SECONDS)
        self.wake_operation(name)

    def terminate(self, application: Document, username: str) -> bool:
        """Ask for the end of the running operation; False if none runs (or it was not taken up yet)."""
        state = look(application, "status", "operationState")
        if "operation" not in application or state is None or state["phase"] not in ("Running", "Terminating"):
            return False
        state["phase"] = "Terminating"
        self.applications.save(application)
        queued = application["operation"]
        asked = {"initiatedBy": {"username": username}, "sync": queued["sync"], "info": queued.get("info", [])}
        self.applications.log_operation(application, asked, kind="terminate")
        self.applications.event(application, "ResourceUpdated", f"{username} terminated running operation", username)
        self.wake_operation(application["metadata"]["name"])
        return True

    async def refresh(self, application: Document, kind: str, stamp: str) -> Document:
        """Compare now, as a read with `refresh` asks; the Application afterwards."""
        annotations = application["metadata"].setdefault("annotations", {})
        for name in (HYDRATE, REFRESH):
            annotations |= {name: kind, f"{name}-timestamp": stamp}
        self.applications.save(application, content=False)
        await self.compare_fully(application["metadata"]["name"])
        return self.applications.find(application["metadata"]["name"]) or application

    async def compare_fully(self, name: str) -> None:
        """Resolve the target revision, load it, compare, and stamp `reconciledAt` with the start."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            await self.disturbance.settle(name)
            application = self.applications.find(name)
            if application is None:
                return
            started, spec = self.clock.stamp(), copied(application["spec"])
            try:
                self.disturbance.check_reachable(name)
                target = await self._load(application)
            except RepositoryError as error:
                self._write_failure(application, spec, started, error)
            else:
                await self.disturbance.settle(name)  # a sync that began meanwhile may hold the status back
                self._write_full(application, spec, started, target)
            self._end_refresh(application)

    async def _load(self, application: Document) -> Target:
        source = application["spec"]["source"]
        revision = source.get("targetRevision", "")
        try:
            commit = await self.manifests.repositories.at(source["repoURL"]).resolve(revision)
            return await self.manifests.target(application, source, commit)
        except RepositoryError as error:
            raise RepositoryError(load_failure(revision, error).removeprefix("ComparisonError: ")) from error

    def _write_full(self, application: Document, spec: Document, started: str, target: Target) -> None:
        name = application["metadata"]["name"]
        if self.applications.find(name) is not application:
            return
        self._targets[name] = target
        outcome = self.disturbance.seen(name, compare(self.cluster, name, target))
        self.automation.consider(application, outcome, target.revision, full=True)
        status = self._status(application, outcome)
        status["sync"] = {"status": outcome.sync, "comparedTo": _compared_to(spec), "revision": target.revision}
        status["reconciledAt"] = started
        status["conditions"] = [item for item in status.get("conditions", []) if item["type"] != "ComparisonError"]
        if not status["conditions"]:
            del status["conditions"]
        application["status"] = status
        self.applications.save(application)

    def _write_failure(self, application: Document, spec: Document, started: str, error: RepositoryError) -> None:
        status = copied(application["status"])
        self._tell_changes(application, "Unknown", look(status, "health", "status", default=""))
        status["sync"] = {"status": "Unknown", "comparedTo": _compared_to(spec)}
        if "live state" in str(error):
            status["health"] = {"status": "Unknown", "lastTransitionTime": started}
        status["conditions"] = [{"type": "ComparisonError", "message": str(error), "lastTransitionTime": started}]
        status |= {"reconciledAt": started, "controllerNamespace": "argocd"}
        application["status"] = status
        self.applications.save(application)

    def _end_refresh(self, application: Document) -> None:
        annotations = application["metadata"].get("annotations", {})
        if REFRESH in annotations:
            del annotations[REFRESH]
            annotations.pop(f"{REFRESH}-timestamp", None)
            self.applications.save(application, content=False)

    def _status(self, application: Document, outcome: Comparison) -> Document:
        before = application["status"]
        status: Document = dict(before)
        self._tell_changes(application, outcome.sync, outcome.health["status"], outcome.health.get("message", ""))
        turned = look(before, "health", "lastTransitionTime")
        if outcome.health["status"] != look(before, "health", "status"):
            turned = self.clock.stamp()
        status["sync"] = {**before["sync"], "status": outcome.sync}
        status["health"] = {**outcome.health, "lastTransitionTime": turned}
        status["resources"] = outcome.resources
        status["summary"] = without_empty({"externalURLs": outcome.urls, "images": outcome.images})
        status |= {"sourceType": "Directory", "resourceHealthSource": "appTree", "controllerNamespace": "argocd"}
        if not outcome.resources:
            del status["resources"]
        return status

    def _tell_changes(self, application: Document, sync: str, health: str, cause: str = "") -> None:
        was_sync = look(application, "status", "sync", "status", default="")
        was_health = look(application, "status", "health", "status", default="")
        if was_sync != sync:
            self.applications.event(application, "ResourceUpdated", f"Updated sync status: {was_sync} -> {sync}")
        if was_health != health:
            note = f" ({cause})" if cause else ""
            text = f"Updated health status: {was_health} -> {health}{note}"
            self.applications.event(application, "ResourceUpdated", text)

    def queue(self, application: Document, operation: Document) -> None:
        """Put an operation into an Application that has none; the state of the one before goes."""
        application["operation"] = operation
        application["status"] = {key: value for key, value in application["status"].items() if key != "operationState"}
        self.applications.save(application)
        self.applications.log_operation(application, operation)
        self.wake_operation(application["metadata"]["name"])

    def health(self, name: str) -> dict[Key, Health | None]:
        """The health of every managed resource."""
        return self.applications.health_of(name)


def _compared_to(spec: Document) -> Document:
    return {"source": copied(spec["source"]), "destination": copied(spec["destination"])}
