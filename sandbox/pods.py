"""Pods over time: Pending, ContainerCreating, Running, Ready; what their images say may keep them from it."""

from __future__ import annotations

import random

from sandbox.clock import stamp
from sandbox.cluster import PRIVATE, Cluster
from sandbox.documents import Document, copied, look
from sandbox.events import record_event
from sandbox.manifests import images_of, key_of

NODES = ("node-0", "node-1", "node-2")
SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
SCHEDULING, CREATING, STARTING, PULLING, CRASHING, FINISHING, TERMINATING = 0.3, 1.2, 1.8, 1.5, 1.0, 2.0, 2.0
"""Seconds at speed 1."""
BACK_OFF, LONGEST_BACK_OFF = 10, 300


def suffix(length: int = 5) -> str:
    """The random end of a Pod's name."""
    return "".join(random.choices(SUFFIX, k=length))


def owner_reference(owner: Document) -> Document:
    """The reference by which a child names its controller."""
    return {
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def create_pod(cluster: Cluster, owner: Document, template: Document, name: str, labels: Document) -> Document:
    """A Pod of this template below its owner, Pending."""
    metadata = {
        "name": name,
        "generateName": f"{owner['metadata']['name']}-",
        "namespace": owner["metadata"]["namespace"],
        "labels": {**look(template, "metadata", "labels", default={}), **labels},
        "ownerReferences": [owner_reference(owner)],
    }
    annotations = look(template, "metadata", "annotations")
    if annotations:
        metadata["annotations"] = annotations
    spec = {"restartPolicy": "Always", **copied(template.get("spec") or {})}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}
    return cluster.create(pod | {PRIVATE: {"stage": "pending"}}, look(owner, PRIVATE, "application", default=""))


def is_alive(pod: Document) -> bool:
    """Whether nobody has deleted it."""
    return not pod["metadata"].get("deletionTimestamp")


def is_ready(pod: Document) -> bool:
    """Whether it serves."""
    conditions = look(pod, "status", "conditions", default=[])
    return is_alive(pod) and any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _probe_delay(pod: Document) -> float:
    """Seconds before the first readiness probe: the longest `initialDelaySeconds` of its containers."""
    probes = [
        look(item, "readinessProbe", "initialDelaySeconds", default=0)
        for item in look(pod, "spec", "containers", default=[])
    ]
    return float(max(probes, default=0))


class Pods:
    """The kubelet: moves one Pod to its next stage when that is due."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.clock = cluster.clock

    def step(self, pod: Document) -> float | None:
        """Do what is due; the epoch time of the next stage, or None when the Pod rests."""
        private = pod[PRIVATE]
        due = private.get("due")
        if due is None:
            return self._schedule(pod)
        if due > self.clock.epoch():
            return float(due)
        following = getattr(self, f"_after_{private['stage']}")(pod)
        private |= {"stage": following, "due": None}
        if following == "gone":
            self.cluster.remove(key_of(pod).text)
            self.cluster.wake_owner(pod)
            return None
        self.cluster.put(pod)
        self.cluster.wake_owner(pod)
        return self._schedule(pod)

    def _schedule(self, pod: Document) -> float | None:
        seconds = self._duration(pod)
        if seconds is None:
            return None
        pod[PRIVATE]["due"] = self.clock.due(seconds)
        self.cluster.store.put("object", key_of(pod).text, pod)
        return float(pod[PRIVATE]["due"])

    def _duration(self, pod: Document) -> float | None:
        stage = pod[PRIVATE]["stage"]
        if stage == "running" and "never-ready" in self._words(pod):
            return None
        restarts = pod[PRIVATE].get("restarts", 0)
        return {
            "pending": SCHEDULING, "creating": CREATING, "running": STARTING + _probe_delay(pod), "pulling": PULLING, "crashing": CRASHING,
            "backing_off": min(BACK_OFF * 2 ** min(restarts - 1, 8), LONGEST_BACK_OFF), "finishing": FINISHING,
            "terminating": TERMINATING,
        }.get(stage)  # fmt: skip

    @staticmethod
    def _words(pod: Document) -> str:
        return " ".join(images_of(pod))

    def _is_job(self, pod: Document) -> bool:
        return bool(pod["spec"].get("restartPolicy") != "Always")

    def _after_pending(self, pod: Document) -> str:
        node = pod["spec"].get("nodeName") or NODES[int(pod["metadata"]["uid"][:8], 16) % len(NODES)]
        pod["spec"]["nodeName"] = node
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        record_event(self.cluster, pod, "Scheduled", f"Successfully assigned {name} to {node}", "default-scheduler")
        self._set(pod, "Pending", {"waiting": {"reason": "ContainerCreating"}})
        return "creating"

    def _after_creating(self, pod: Document) -> str:
        words = self._words(pod)
        if "does-not-exist" in words:
            image = next(image for image in images_of(pod) if "does-not-exist" in image)
            message = f'Failed to pull image "{image}": {image}: not found'
            record_event(self.cluster, pod, "Failed", message, "kubelet", "Warning")
            self._set(pod, "Pending", {"waiting": {"reason": "ErrImagePull", "message": message}})
            return "pulling"
        record_event(self.cluster, pod, "Started", "Started container", "kubelet")
        self._set(pod, "Running", {"running": {"startedAt": self.clock.stamp()}})
        if "crashes" in words:
            return "crashing"
        return "finishing" if self._is_job(pod) else "running"

    def _after_pulling(self, pod: Document) -> str:
        image = next(image for image in images_of(pod) if "does-not-exist" in image)
        message = f"Back-off pulling image {image}"
        record_event(self.cluster, pod, "BackOff", message, "kubelet", "Warning")
        self._set(pod, "Pending", {"waiting": {"reason": "ImagePullBackOff", "message": message}})
        return "unpullable"

    def _after_running(self, pod: Document) -> str:
        self._set(pod, "Running", {"running": {"startedAt": self.clock.stamp()}}, ready=True)
        return "ready"

    def _after_crashing(self, pod: Document) -> str:
        ended = {"exitCode": 1, "reason": "Error", "finishedAt": self.clock.stamp()}
        if self._is_job(pod):
            self._set(pod, "Failed", {"terminated": ended})
            return "failed"
        pod[PRIVATE]["restarts"] = restarts = pod[PRIVATE].get("restarts", 0) + 1
        wait = min(BACK_OFF * 2 ** min(restarts - 1, 8), LONGEST_BACK_OFF)
        name = f"{pod['metadata']['name']}_{pod['metadata']['namespace']}({pod['metadata']['uid']})"
        container = look(pod, "spec", "containers", default=[{"name": "main"}])[0]["name"]
        message = f"back-off {wait}s restarting failed container={container} pod={name}"
        record_event(self.cluster, pod, "BackOff", f"Back-off restarting failed container {container} in pod {name}",
                     "kubelet", "Warning")  # fmt: skip
        self._set(pod, "Running", {"waiting": {"reason": "CrashLoopBackOff", "message": message}}, ended=ended)
        return "backing_off"

    def _after_backing_off(self, pod: Document) -> str:
        ended = {"exitCode": 1, "reason": "Error", "finishedAt": self.clock.stamp()}
        self._set(pod, "Running", {"running": {"startedAt": self.clock.stamp()}}, ended=ended)
        return "crashing"

    def _after_finishing(self, pod: Document) -> str:
        ended = {"exitCode": 0, "reason": "Completed", "finishedAt": self.clock.stamp()}
        self._set(pod, "Succeeded", {"terminated": ended})
        return "completed"

    def _after_terminating(self, pod: Document) -> str:
        return "gone"

    def _set(
        self, pod: Document, phase: str, state: Document, *, ready: bool = False, ended: Document | None = None
    ) -> None:
        now = stamp(self.clock.epoch())
        restarts = pod[PRIVATE].get("restarts", 0)
        containers = [
            {"name": container["name"], "image": container.get("image", ""), "ready": ready, "restartCount": restarts,
             "state": state, "lastState": {"terminated": ended} if ended else {}}
            for container in look(pod, "spec", "containers", default=[])
        ]  # fmt: skip
        word = "True" if ready else "False"
        kinds = {"Initialized": "True", "Ready": word, "ContainersReady": word, "PodScheduled": "True"}
        conditions = [{"type": kind, "status": value, "lastTransitionTime": now} for kind, value in kinds.items()]
        pod["status"] = {"phase": phase, "conditions": conditions, "containerStatuses": containers}
