"""What one sync operation has to do: a task for each object, in phases and waves."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.cluster import Cluster
from sandbox.comparison import HOOK, annotation, has_option, wave_of
from sandbox.documents import Document, look
from sandbox.manifests import Key, Target, apply_rank, images_of, key_of, version_of

PHASES = ("PreSync", "Sync", "PostSync", "SyncFail")


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

    def entry(self) -> Document:
        """The entry of the sync result, before its outcome."""
        entry: Document = {"group": self.key.group, "version": version_of(self.manifest), "kind": self.key.kind,
                           "namespace": self.key.namespace, "name": self.key.name}  # fmt: skip
        if self.hook:
            entry["hookType"] = self.phase
        entry["syncPhase"] = self.phase
        if images_of(self.manifest) and not self.prune:
            entry["images"] = images_of(self.manifest)
        return entry


def _hook_phase(manifest: Document) -> str:
    return next((name for name in annotation(manifest, HOOK).split(",") if name in PHASES), "Sync")


class Plan:
    """Plans the tasks of an operation on one Application."""

    def __init__(self, application: Document, sync: Document, cluster: Cluster) -> None:
        self.application = application
        self.sync = sync
        self.cluster = cluster

    def steps(self, target: Target) -> list[list[Task]]:
        """The tasks in order, those of one phase and wave together."""
        steps: list[list[Task]] = []
        for task in self._tasks(target):
            if not steps or (steps[-1][0].phase, steps[-1][0].wave) != (task.phase, task.wave):
                steps.append([])
            steps[-1].append(task)
        return steps

    def _tasks(self, target: Target) -> list[Task]:
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
        self._prune_last(tasks)
        tasks.sort(key=lambda task: (PHASES.index(task.phase), task.wave, task.prune, apply_rank(task.key)))
        return self._namespace_task(tasks) + tasks

    def _prunes(self, wanted: set[Key]) -> list[Task]:
        live = self.cluster.managed(self.application["metadata"]["name"])
        return [Task("Sync", wave_of(item), item, hook=False, prune=True) for key, item in live.items()
                if key not in wanted and not annotation(item, HOOK)]  # fmt: skip

    def _prune_last(self, tasks: list[Task]) -> None:
        """What is to be pruned goes into a wave of its own, after everything else is healthy."""
        last = max([0, *(task.wave for task in tasks if task.phase == "Sync")]) + 1
        for task in tasks:
            if task.prune and ("PruneLast=true" in self._options or has_option(task.manifest, "PruneLast=true")):
                task.wave = last

    @property
    def _options(self) -> list[str]:
        return list(self.sync.get("syncOptions", []))

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
        asked = "CreateNamespace=true" in self._options
        wanted = any(task.key == key for task in tasks)
        needed = any(task.key.namespace == namespace for task in tasks)
        if not (asked and namespace and needed) or wanted or self.cluster.get(key):
            return []
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        return [Task("PreSync", min((task.wave for task in tasks), default=0) - 1, manifest, hook=False)]
