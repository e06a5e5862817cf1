"""The cluster's objects: applied by a three-way merge, owned, deleted; each has a step of its own over time."""

from __future__ import annotations

import base64
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable

from sandbox.documents import Document, canonical, copied, look
from sandbox.manifests import Key, images_of, key_of, parse_key, tracked_by
from sandbox.scheduler import Scheduler
from sandbox.store import Store

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
PRIVATE = "sandbox"
"""Where an object keeps what only the sandbox knows (stage, due time, application); never shown."""


NO_GENERATION = frozenset(
    "ConfigMap Secret Service ServiceAccount Namespace PersistentVolume PersistentVolumeClaim Role RoleBinding ClusterRole "
    "ClusterRoleBinding".split()
)


def _count_edit(manifest: Document) -> None:
    """One edit more: `metadata.generation` counts them, where the kind has one."""
    place = manifest.setdefault(PRIVATE, {}) if manifest["kind"] in NO_GENERATION else manifest["metadata"]
    place["generation"] = place.get("generation", 0) + 1


class ApplyError(Exception):
    """The API server refuses the object, in its own words."""


def public(manifest: Document) -> Document:
    """The object as the API server shows it."""
    return {key: value for key, value in manifest.items() if key != PRIVATE}


def merged(live: Document, before: Document, after: Document) -> Document:
    """Three-way merge of an apply: what was applied before and is no longer wanted goes, what others set stays."""
    result = {key: value for key, value in live.items() if key in after or key not in before}
    for key, value in after.items():
        if value is None:
            continue
        if isinstance(value, dict) and isinstance(live.get(key), dict):
            earlier = before.get(key)
            result[key] = merged(live[key], earlier if isinstance(earlier, dict) else {}, value)
        else:
            result[key] = copied(value)
    return result


def as_stored(manifest: Document) -> Document:
    """The manifest with what the API server itself rewrites: `stringData` of a Secret becomes `data`."""
    stored: Document = {key: value for key, value in manifest.items() if key != "stringData"}
    if manifest.get("kind") == "Secret" and manifest.get("stringData"):
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in manifest["stringData"].items()}
        stored["data"] = {**(manifest.get("data") or {}), **encoded}
    return stored


def _defaults(manifest: Document) -> Document:
    """What the API server fills in, as far as anything here reads it."""
    if manifest["kind"] == "Deployment":
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
        return {
            "spec": {"progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10, "strategy": rolling}
        }
    if manifest["kind"] == "StatefulSet":
        return {"spec": {"replicas": 1, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}}
    return {"type": "Opaque"} if manifest["kind"] == "Secret" else {}


def _check(manifest: Document) -> None:
    replicas = look(manifest, "spec", "replicas")
    if manifest["kind"] in ("Deployment", "StatefulSet") and replicas is not None and not isinstance(replicas, int):
        kind = manifest["kind"]
        raise ApplyError(
            f'{kind} in version "v1" cannot be handled as a {kind}: json: cannot unmarshal '
            f"{'string' if isinstance(replicas, str) else 'value'} into Go struct field {kind}Spec.spec.replicas of type int32"
        )


class Cluster:
    """Every live object. `on_change` is called with the name of the Application whose object changed."""

    def __init__(self, store: Store, scheduler: Scheduler) -> None:
        self.store = store
        self.scheduler = scheduler
        self.clock = scheduler.clock
        self.on_change: Callable[[str], None] = lambda application: None
        self._by_application: dict[str, set[str]] = defaultdict(set)
        self._children: dict[str, set[str]] = defaultdict(set)
        for text, manifest in store.all("object").items():
            self._index(text, manifest)

    def _index(self, text: str, manifest: Document) -> None:
        self._by_application[look(manifest, PRIVATE, "application", default="")].add(text)
        for owner in look(manifest, "metadata", "ownerReferences", default=[]):
            self._children[owner["uid"]].add(text)

    def resume(self) -> None:
        """After a start: let every object run its step at once; what was due meanwhile happens."""
        for text in self.store.all("object"):
            self.scheduler.wake("object", text)

    def rescale(self, factor: float) -> None:
        """What objects still wait for takes so many times as long."""
        now = self.clock.epoch()
        for item in self.all():
            due = item.get(PRIVATE, {}).get("due")
            if due is not None:
                item[PRIVATE]["due"] = now + max(0.0, due - now) * factor
                self.store.put("object", key_of(item).text, item)

    def get(self, key: Key) -> Document | None:
        """The live object, private part included. Change it only together with `put`."""
        return self.store.get("object", key.text)

    def all(self) -> Iterable[Document]:
        """Every live object."""
        return list(self.store.all("object").values())

    def of_application(self, application: str) -> list[Document]:
        """Every live object that belongs to an Application, children included, in Argo CD's order."""
        texts = self._by_application.get(application, set())
        found = [manifest for text in texts if (manifest := self.store.get("object", text))]
        return sorted(found, key=key_of)

    def managed(self, application: str) -> dict[Key, Document]:
        """The live objects that carry the Application's tracking id."""
        objects = self.of_application(application)
        return {key_of(item): item for item in objects if tracked_by(item) == application}

    def children(self, manifest: Document) -> list[Document]:
        """The objects that name this one as their owner."""
        texts = self._children.get(manifest["metadata"]["uid"], set())
        return sorted((found for text in texts if (found := self.store.get("object", text))), key=key_of)

    def put(self, manifest: Document) -> None:
        """Store a changed object under a new resourceVersion and tell its Application."""
        text = key_of(manifest).text
        manifest["metadata"]["resourceVersion"] = self.store.next_version()
        self._index(text, manifest)
        self.store.put("object", text, manifest)
        self._tell(manifest)

    def _tell(self, manifest: Document) -> None:
        application = look(manifest, PRIVATE, "application", default="")
        if application:
            self.on_change(application)

    def create(self, manifest: Document, application: str) -> Document:
        """Add an object; it gets uid, creation time, generation and its first step now."""
        metadata = manifest["metadata"]
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": self.clock.stamp()}
        manifest.setdefault(PRIVATE, {})["application"] = application
        _count_edit(manifest)
        self.put(manifest)
        self.scheduler.wake("object", key_of(manifest).text)
        return manifest

    def would_apply(self, wanted: Document) -> tuple[str, Document]:
        """`created`, `configured` or `unchanged`, and the object that an apply would leave."""
        _check(wanted)
        after = as_stored(wanted)
        live = self.get(key_of(wanted))
        if live is None:
            return "created", merged(_defaults(wanted), {}, after)
        result = merged(public(live), look(live, PRIVATE, "applied", default={}), after)
        return ("unchanged" if result == public(live) else "configured"), result

    def apply(self, wanted: Document, application: str) -> str:
        """Apply as kubectl does; `created`, `configured` or `unchanged`. ApplyError when it is refused."""
        outcome, result = self.would_apply(wanted)
        if outcome == "unchanged":
            return outcome
        applied = as_stored(wanted)
        result["metadata"].setdefault("annotations", {})[LAST_APPLIED] = canonical(applied) + "\n"
        private = {"application": application, "applied": applied}
        if outcome == "created":
            self.create(result | {PRIVATE: private}, application)
            return outcome
        live = self.get(key_of(wanted)) or {}
        before = look(live, PRIVATE, "application", default="")
        if before != application:
            self._by_application[before].discard(key_of(wanted).text)
        self.replace(live, result | {PRIVATE: {**live.get(PRIVATE, {}), **private}})
        return outcome

    def replace(self, live: Document, changed: Document) -> None:
        """Store an object that someone edited; its generation grows when anything but metadata and status changed."""
        rest = ("metadata", "status", PRIVATE)
        before = {key: value for key, value in live.items() if key not in rest}
        if before != {key: value for key, value in changed.items() if key not in rest}:
            _count_edit(changed)
        self.put(changed)
        self.scheduler.wake("object", key_of(changed).text)

    def delete(self, manifest: Document) -> None:
        """Delete an object and what it owns. Pods take their time, all else is gone at once."""
        text = key_of(manifest).text
        if manifest["kind"] == "Pod":
            self._terminate(manifest)
            return
        children = self.children(manifest)
        for child in children:
            self.delete(child)
        if manifest["kind"] == "Job" and children:  # goes in the foreground: after its Pods
            manifest["metadata"].setdefault("deletionTimestamp", self.clock.stamp())
            self.put(manifest)
        else:
            self.remove(text)

    def _terminate(self, pod: Document) -> None:
        if not pod["metadata"].get("deletionTimestamp"):
            pod["metadata"] |= {"deletionTimestamp": self.clock.stamp(), "deletionGracePeriodSeconds": 30}
            pod[PRIVATE] |= {"stage": "terminating", "due": None}
            self.put(pod)
            self.scheduler.wake("object", key_of(pod).text)

    def remove(self, text: str) -> None:
        """The object is gone."""
        manifest = self.store.get("object", text)
        if manifest is None:
            return
        self._by_application[look(manifest, PRIVATE, "application", default="")].discard(text)
        for owner in look(manifest, "metadata", "ownerReferences", default=[]):
            self._children[owner["uid"]].discard(text)
        self._children.pop(manifest["metadata"]["uid"], None)
        self.store.delete("object", text)
        self.store.delete("event", manifest["metadata"]["uid"])
        self._tell(manifest)

    def wake_owner(self, manifest: Document) -> None:
        """Let the controllers of the owners look at it now."""
        for owner in look(manifest, "metadata", "ownerReferences", default=[]):
            group = owner["apiVersion"].rpartition("/")[0]
            key = Key(group, owner["kind"], manifest["metadata"]["namespace"], owner["name"])
            self.scheduler.wake("object", key.text)

    def object_at(self, text: str) -> Document | None:
        """The live object under a key's text."""
        return self.get(parse_key(text))


def images(manifests: Iterable[Document]) -> list[str]:
    """The images that these objects run, each once, sorted."""
    return sorted({image for manifest in manifests for image in images_of(manifest)})
