"""The controller of Deployments: rolling updates by ReplicaSets, and the progress deadline."""

from __future__ import annotations

import hashlib
import math
import re

from sandbox.cluster import PRIVATE, Cluster
from sandbox.documents import Document, canonical, copied, look
from sandbox.events import record_event
from sandbox.manifests import Key
from sandbox.pods import SUFFIX, create_pod, is_alive, is_ready, owner_reference, suffix

REVISION = "deployment.kubernetes.io/revision"


def template_hash(template: Document) -> str:
    """The pod-template-hash: equal templates give equal hashes."""
    number = int.from_bytes(hashlib.sha256(canonical(template).encode()).digest()[:8], "big")
    letters = []
    for _ in range(9):
        number, rest = divmod(number, len(SUFFIX))
        letters.append(SUFFIX[rest])
    return "".join(letters)


def _share(value: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    part = int(re.sub(r"\D", "", value) or 0) * replicas / 100
    return math.ceil(part) if up else math.floor(part)


def set_condition(
    conditions: list[Document], kind: str, status: str, reason: str, message: str, now: str
) -> list[Document]:
    before: Document = next((item for item in conditions if item["type"] == kind), {})
    if (before.get("status"), before.get("reason"), before.get("message")) == (status, reason, message):
        return conditions
    turned = now if before.get("status") != status else before["lastTransitionTime"]
    fresh = {"type": kind, "status": status, "reason": reason, "message": message, "lastUpdateTime": now,
             "lastTransitionTime": turned}  # fmt: skip
    return [item for item in conditions if item["type"] != kind] + [fresh]


class Deployments:
    """Rolls Deployments: a ReplicaSet for each template, old Pods serve until new ones are ready."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.clock = cluster.clock

    def step(self, deployment: Document) -> float | None:
        """Scale, then write the status; the epoch time of the progress deadline while it is not complete."""
        new, old = self._replica_sets(deployment)
        if not look(deployment, "spec", "paused", default=False):
            self._scale(deployment, new, old)
        for replica_set in [new, *old]:
            self._write_replica_set(replica_set)
        self._forget_oldest(deployment, old)
        return self._write_status(deployment, new, old)

    def _replica_sets(self, deployment: Document) -> tuple[Document, list[Document]]:
        template = deployment["spec"]["template"]
        name = f"{deployment['metadata']['name']}-{template_hash(template)}"
        key = Key("apps", "ReplicaSet", deployment["metadata"]["namespace"], name)
        owned = [item for item in self.cluster.children(deployment) if item["kind"] == "ReplicaSet"]
        new = self.cluster.get(key) or self._create_replica_set(deployment, template, name)
        old = [item for item in owned if item["metadata"]["name"] != name]
        self._number(deployment, new, old)
        return new, old

    def _create_replica_set(self, deployment: Document, template: Document, name: str) -> Document:
        labels = {**look(template, "metadata", "labels", default={}), "pod-template-hash": name.rpartition("-")[2]}
        metadata = {"name": name, "namespace": deployment["metadata"]["namespace"], "labels": labels,
                    "ownerReferences": [owner_reference(deployment)], "annotations": {}}  # fmt: skip
        replica_set = {
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata,
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": copied(template)},
        }  # fmt: skip
        return self.cluster.create(replica_set, look(deployment, PRIVATE, "application", default=""))

    def _number(self, deployment: Document, new: Document, old: list[Document]) -> None:
        highest = max((int(look(item, "metadata", "annotations", REVISION, default="0")) for item in old), default=0)
        own = int(look(new, "metadata", "annotations", REVISION, default="0"))
        if own > highest and look(deployment, "metadata", "annotations", REVISION) == str(own):
            return
        revision = own if own > highest else highest + 1
        for item in (new, deployment):
            item["metadata"].setdefault("annotations", {})[REVISION] = str(revision)
            self.cluster.put(item)
        deployment[PRIVATE]["progressed"] = self.clock.epoch()

    def _pods(self, replica_set: Document) -> list[Document]:
        return [pod for pod in self.cluster.children(replica_set) if pod["kind"] == "Pod" and is_alive(pod)]

    def _scale(self, deployment: Document, new: Document, old: list[Document]) -> None:
        wanted = look(deployment, "spec", "replicas", default=1)
        rolling = look(deployment, "spec", "strategy", "rollingUpdate", default={})
        surge = _share(rolling.get("maxSurge", "25%"), wanted, up=True)
        missing = _share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
        if surge == 0 and missing == 0:
            missing = 1
        fresh = self._pods(new)
        stale = [pod for replica_set in old for pod in self._pods(replica_set)]
        if look(deployment, "spec", "strategy", "type") == "Recreate":
            surge, missing = 0, wanted
        self._shrink(deployment, fresh, stale, wanted, missing)
        stale = [pod for pod in stale if is_alive(pod)]
        room = wanted + surge - len(stale) if stale else wanted
        if look(deployment, "spec", "strategy", "type") == "Recreate" and stale:
            room = 0
        self._grow(deployment, new, len(fresh), min(wanted, room))

    def _grow(self, deployment: Document, new: Document, present: int, wanted: int) -> None:
        if wanted <= present:
            return
        text = f"Scaled up replica set {new['metadata']['name']} from {present} to {wanted}"
        record_event(self.cluster, deployment, "ScalingReplicaSet", text, "deployment-controller")
        labels = {"pod-template-hash": new["metadata"]["labels"]["pod-template-hash"]}
        for _ in range(wanted - present):
            create_pod(self.cluster, new, new["spec"]["template"], f"{new['metadata']['name']}-{suffix()}", labels)

    def _shrink(
        self, deployment: Document, fresh: list[Document], stale: list[Document], wanted: int, missing: int
    ) -> None:
        for pod in sorted(fresh, key=is_ready)[: max(0, len(fresh) - wanted)]:
            self.cluster.delete(pod)
        unready = sum(not is_ready(pod) for pod in fresh)
        spare = len(fresh) + len(stale) - (wanted - missing) - unready
        broken = [pod for pod in stale if not is_ready(pod)][: max(0, spare)]
        ready = [pod for pod in fresh + stale if is_ready(pod)]
        surplus = max(0, len(ready) - (wanted - missing))
        serving = [pod for pod in stale if is_ready(pod)][:surplus]
        if not broken and not serving:
            return
        for pod in broken + serving:
            self.cluster.delete(pod)
        names = {pod["metadata"]["ownerReferences"][0]["name"] for pod in broken + serving}
        for name in sorted(names):
            record_event(self.cluster, deployment, "ScalingReplicaSet", f"Scaled down replica set {name}",
                         "deployment-controller")  # fmt: skip

    def _write_replica_set(self, replica_set: Document) -> None:
        pods = self._pods(replica_set)
        ready = sum(map(is_ready, pods))
        generation = replica_set["metadata"]["generation"]
        status = {
            "replicas": len(pods),
            "observedGeneration": generation,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        if replica_set.get("status") != status or replica_set["spec"]["replicas"] != len(pods):
            replica_set["status"] = status
            replica_set["spec"]["replicas"] = len(pods)
            self.cluster.put(replica_set)

    def _forget_oldest(self, deployment: Document, old: list[Document]) -> None:
        empty = [item for item in old if not self.cluster.children(item)]
        empty.sort(key=lambda item: int(look(item, "metadata", "annotations", REVISION, default="0")), reverse=True)
        for replica_set in empty[look(deployment, "spec", "revisionHistoryLimit", default=10) :]:
            old.remove(replica_set)
            self.cluster.delete(replica_set)

    def _write_status(self, deployment: Document, new: Document, old: list[Document]) -> float | None:
        wanted = look(deployment, "spec", "replicas", default=1)
        everyone = [new, *old]
        total = sum(item["status"]["replicas"] for item in everyone)
        available = sum(item["status"]["availableReplicas"] for item in everyone)
        updated = new["status"]["replicas"]
        private = deployment[PRIVATE]
        moved = [new["metadata"]["name"], updated, new["status"]["availableReplicas"], total]
        if private.get("progress") != moved:
            private |= {"progress": moved, "progressed": self.clock.epoch()}
        complete = updated >= wanted and total == updated and available >= wanted
        deadline = (
            private["progressed"] + look(deployment, "spec", "progressDeadlineSeconds", default=600) / self.clock.speed
        )
        late = not complete and deadline <= self.clock.epoch()
        status = {
            "observedGeneration": deployment["metadata"]["generation"], "replicas": total, "updatedReplicas": updated,
            "readyReplicas": available, "availableReplicas": available, "unavailableReplicas": max(0, wanted - available),
            "conditions": self._conditions(deployment, new, complete, late, available >= wanted - wanted // 4),
        }  # fmt: skip
        status = {key: value for key, value in status.items() if value}
        if deployment.get("status") != status:
            deployment["status"] = status
            self.cluster.put(deployment)
        return None if complete or late else deadline

    def _conditions(
        self, deployment: Document, new: Document, complete: bool, late: bool, serving: bool
    ) -> list[Document]:
        now, name = self.clock.stamp(), new["metadata"]["name"]
        conditions = look(deployment, "status", "conditions", default=[])
        progressing = ("True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
        if complete:
            progressing = ("True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
        elif late:
            progressing = ("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.')
        if serving:
            available = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        else:
            available = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        conditions = set_condition(conditions, "Available", *available, now)
        return set_condition(conditions, "Progressing", *progressing, now)
