"""The control plane: runs the right controller for every object, and answers at once for the simple kinds."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Any

from sandbox.cluster import PRIVATE, Cluster
from sandbox.deployments import Deployments, template_hash
from sandbox.documents import Document, look
from sandbox.manifests import Key
from sandbox.pods import Pods, is_alive
from sandbox.workloads import DaemonSets, Jobs, StatefulSets

ANSWER_SECONDS = 0.5
"""How long an operator takes to answer about a simple kind, at speed 1."""
AT_ONCE = frozenset({"PodDisruptionBudget", "Service", "Namespace"})
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}}


def _condition(kind: str, reason: str, message: str, now: str, status: str = "True") -> Document:
    found = {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now}
    return {"conditions": [found]}


def _external_secret(manifest: Document, now: str) -> Document:
    text = str(manifest.get("spec"))
    if "does-not-exist" in text:
        return _condition("Ready", "SecretSyncedError", "could not get secret data from provider", now, "False")
    name = look(manifest, "spec", "target", "name", default=manifest["metadata"]["name"])
    version = f"{manifest['metadata']['generation']}-{template_hash(manifest['spec'])}"
    found = {"binding": {"name": name}, "refreshTime": now, "syncedResourceVersion": version}
    return found | _condition("Ready", "SecretSynced", "secret synced", now)


def _autoscaler(manifest: Document, now: str) -> Document:
    return _condition("AbleToScale", "ReadyForNewScale", "recommended size matches current size", now)


def _service(manifest: Document, now: str) -> Document:
    return ADDRESS if look(manifest, "spec", "type") == "LoadBalancer" else {"loadBalancer": {}}


SIMPLE: dict[str, Callable[[Document, str], Document]] = {
    "ExternalSecret": _external_secret,
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

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._controllers: dict[str, Any] = {
            "Deployment": Deployments(cluster), "StatefulSet": StatefulSets(cluster), "DaemonSet": DaemonSets(cluster),
            "Job": Jobs(cluster), "Pod": Pods(cluster),
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
        if manifest["kind"] == "ExternalSecret" and "binding" in manifest["status"]:
            self._write_secret(manifest)
        return None

    def _write_secret(self, manifest: Document) -> None:
        """What the operator makes of a synced ExternalSecret: keys with a random value, in no Application's tree."""
        name, namespace = manifest["status"]["binding"]["name"], manifest["metadata"]["namespace"]
        keys = [item["secretKey"] for item in look(manifest, "spec", "data", default=[]) if "secretKey" in item]
        values = {key: base64.b64encode(secrets.token_bytes(12)).decode() for key in keys}
        live = self.cluster.get(Key("", "Secret", namespace, name))
        if live is not None:
            self.cluster.replace(live, live | {"data": {**live.get("data", {}), **values}})
        elif look(manifest, "spec", "target", "creationPolicy", default="Owner") == "Owner":
            metadata = {"name": name, "namespace": namespace}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": values}
            self.cluster.create(secret, "")
