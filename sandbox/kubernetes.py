"""The control plane: runs the right controller for every object, and answers at once for the simple kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.cluster import PRIVATE, Cluster
from sandbox.deployments import Deployments
from sandbox.documents import Document, look
from sandbox.external_secrets import ExternalSecrets
from sandbox.faults import Faults
from sandbox.pods import Pods, is_alive
from sandbox.sealed_secrets import SealedSecrets
from sandbox.secret_stores import SecretStores
from sandbox.workloads import DaemonSets, Jobs, StatefulSets

ANSWER_SECONDS = 0.5
"""How long an operator takes to answer about a simple kind, at speed 1."""
AT_ONCE = frozenset({"PodDisruptionBudget", "Service", "Namespace"})
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}


def _condition(kind: str, reason: str, message: str, now: str, status: str = "True") -> Document:
    found = {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now}
    return {"conditions": [found]}


def _autoscaler(manifest: Document, now: str) -> Document:
    return _condition("AbleToScale", "ReadyForNewScale", "recommended size matches current size", now)


def _service(manifest: Document, now: str) -> Document:
    return ADDRESS if look(manifest, "spec", "type") == "LoadBalancer" else {"loadBalancer": {}}


SIMPLE: dict[str, Callable[[Document, str], Document]] = {
    "SecretStore": lambda manifest, now: _condition("Ready", "Valid", "store validated", now),
    "ClusterSecretStore": lambda manifest, now: _condition("Ready", "Valid", "store validated", now),
    "Certificate": lambda manifest, now: _condition(
        "Ready", "Ready", "Certificate is up to date and has not expired", now
    ),
    "HorizontalPodAutoscaler": _autoscaler,
    "PodDisruptionBudget": lambda manifest, now: _condition("DisruptionAllowed", "SufficientPods", "", now),
    "Service": _service,
    "Ingress": lambda manifest, now: ADDRESS,
    "PersistentVolumeClaim": lambda manifest, now: {"phase": "Bound"},
    "Namespace": lambda manifest, now: {"phase": "Active"},
}


class Kubernetes:
    """Registers one step for all objects of the cluster."""

    def __init__(self, cluster: Cluster, stores: SecretStores, faults: Faults) -> None:
        self.cluster = cluster
        self.external_secrets = ExternalSecrets(cluster, stores, faults)
        self._controllers: dict[str, Any] = {
            "Deployment": Deployments(cluster), "StatefulSet": StatefulSets(cluster), "DaemonSet": DaemonSets(cluster),
            "Job": Jobs(cluster), "Pod": Pods(cluster), "ExternalSecret": self.external_secrets, "SealedSecret": SealedSecrets(cluster),
        }  # fmt: skip
        cluster.scheduler.register("object", self._step)

    def _step(self, text: str) -> float | None:
        manifest = self.cluster.object_at(text)
        if manifest is None:
            return None
        controller = self._controllers.get(manifest["kind"])
        if controller is not None:
            again: float | None = controller.step(manifest)
            return again
        if manifest["kind"] == "ReplicaSet":
            self.cluster.wake_owner(manifest)  # its Deployment looks after its Pods
        return self._answer(manifest)

    def _answer(self, manifest: Document) -> float | None:
        simple = SIMPLE.get(manifest["kind"])
        generation = manifest["metadata"].get("generation", manifest[PRIVATE].get("generation"))
        if simple is None or manifest[PRIVATE].get("answered") == generation or not is_alive(manifest):
            return None
        seconds = 0.0 if manifest["kind"] in AT_ONCE else ANSWER_SECONDS
        due = manifest[PRIVATE].setdefault("due", self.cluster.clock.due(seconds))
        if due > self.cluster.clock.epoch():
            return float(due)
        manifest[PRIVATE] |= {"answered": generation}
        del manifest[PRIVATE]["due"]
        manifest["status"] = simple(manifest, self.cluster.clock.stamp())
        self.cluster.put(manifest)
        return None
