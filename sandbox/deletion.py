"""How an Application goes: at once, or after everything that it manages has gone."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.applications import Applications
from sandbox.cluster import Cluster
from sandbox.documents import Document
from sandbox.scheduler import Scheduler

FINALIZER = "resources-finalizer.argocd.argoproj.io"
LOOK_SECONDS = 0.15
"""Longer than a comparison takes to come: readers see that everything is missing first."""


class Deletion:
    """Deletes Applications; `forget` is called with the name of one that is gone."""

    def __init__(
        self, applications: Applications, cluster: Cluster, scheduler: Scheduler, forget: Callable[[str], None]
    ) -> None:
        self.applications = applications
        self.cluster = cluster
        self.scheduler = scheduler
        self.forget = forget
        scheduler.register("deletion", self._step)

    def delete(self, application: Document, *, cascade: bool, background: bool) -> None:
        """Delete an Application; with `cascade` it goes when its objects are gone."""
        name, metadata = application["metadata"]["name"], application["metadata"]
        if not cascade:
            metadata.pop("finalizers", None)
            self._remove(application)
            return
        metadata["finalizers"] = [FINALIZER + ("/background" if background else "")]
        self.applications.save(application, content=False)
        metadata.setdefault("deletionTimestamp", self.scheduler.clock.stamp())
        self.applications.save(application)
        for manifest in self.cluster.managed(name).values():
            self.cluster.delete(manifest)
        self.scheduler.wake("deletion", name, LOOK_SECONDS)

    def _step(self, name: str) -> float | None:
        application = self.applications.find(name)
        if application is None or "deletionTimestamp" not in application["metadata"]:
            return None
        background = application["metadata"]["finalizers"] == [f"{FINALIZER}/background"]
        if self.cluster.of_application(name) and not background:
            return self.scheduler.clock.due(LOOK_SECONDS)
        self._remove(application)
        return None

    def _remove(self, application: Document) -> None:
        self.applications.remove(application)
        self.forget(application["metadata"]["name"])
