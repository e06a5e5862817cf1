"""The controllers of StatefulSets, DaemonSets and Jobs."""

from __future__ import annotations

from sandbox.cluster import PRIVATE, Cluster
from sandbox.deployments import set_condition, template_hash
from sandbox.documents import Document, copied, look
from sandbox.manifests import Key, key_of
from sandbox.pods import NODES, create_pod, is_alive, is_ready, owner_reference, suffix


class StatefulSets:
    """Pods by ordinal, one after the other; an update goes from the highest ordinal down."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def step(self, stateful: Document) -> float | None:
        """Create the next Pod or replace the highest old one, then write the status."""
        name, wanted = stateful["metadata"]["name"], look(stateful, "spec", "replicas", default=1)
        revision = f"{name}-{template_hash(stateful['spec']['template'])}"
        self._keep_revision(stateful, revision)
        pods = {int(pod["metadata"]["name"].rpartition("-")[2]): pod for pod in self.cluster.children(stateful)
                if pod["kind"] == "Pod"}  # fmt: skip
        self._move(stateful, revision, pods, wanted)
        self._write_status(stateful, revision)
        return None

    def _keep_revision(self, stateful: Document, revision: str) -> None:
        key = Key("apps", "ControllerRevision", stateful["metadata"]["namespace"], revision)
        if self.cluster.get(key):
            return
        number = 1 + sum(item["kind"] == "ControllerRevision" for item in self.cluster.children(stateful))
        metadata = {"name": revision, "namespace": stateful["metadata"]["namespace"],
                    "ownerReferences": [owner_reference(stateful)]}  # fmt: skip
        kept = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "revision": number}
        self.cluster.create(kept, look(stateful, PRIVATE, "application", default=""))

    def _move(self, stateful: Document, revision: str, pods: dict[int, Document], wanted: int) -> None:
        for ordinal in sorted(pods, reverse=True):
            if ordinal >= wanted:
                self.cluster.delete(pods[ordinal])
        parallel = look(stateful, "spec", "podManagementPolicy") == "Parallel"
        for ordinal in range(wanted):
            if ordinal not in pods:
                self._create(stateful, revision, ordinal)
                if not parallel:
                    return
            elif not is_ready(pods[ordinal]) and self._revision(pods[ordinal]) == revision and not parallel:
                return
        self._replace_one(stateful, revision, {key: pod for key, pod in pods.items() if key < wanted})

    def _replace_one(self, stateful: Document, revision: str, pods: dict[int, Document]) -> None:
        if look(stateful, "spec", "updateStrategy", "type") == "OnDelete":
            return
        partition = look(stateful, "spec", "updateStrategy", "rollingUpdate", "partition", default=0)
        if any(not is_alive(pod) for pod in pods.values()):
            return
        for ordinal in sorted(pods, reverse=True):
            if ordinal >= partition and self._revision(pods[ordinal]) != revision:
                self.cluster.delete(pods[ordinal])
                return
            if not is_ready(pods[ordinal]):
                return

    @staticmethod
    def _revision(pod: Document) -> str:
        return str(look(pod, "metadata", "labels", "controller-revision-hash", default=""))

    def _create(self, stateful: Document, revision: str, ordinal: int) -> None:
        name = f"{stateful['metadata']['name']}-{ordinal}"
        labels = {"apps.kubernetes.io/pod-index": str(ordinal), "controller-revision-hash": revision,
                  "statefulset.kubernetes.io/pod-name": name}  # fmt: skip
        for claim in look(stateful, "spec", "volumeClaimTemplates", default=[]):
            self._claim(stateful, f"{claim['metadata']['name']}-{name}", claim)
        create_pod(self.cluster, stateful, stateful["spec"]["template"], name, labels)

    def _claim(self, stateful: Document, name: str, template: Document) -> None:
        namespace = stateful["metadata"]["namespace"]
        if self.cluster.get(Key("", "PersistentVolumeClaim", namespace, name)):
            return
        metadata = {"name": name, "namespace": namespace, "ownerReferences": [owner_reference(stateful)]}
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata,
            "spec": template.get("spec", {}),
        }
        self.cluster.create(claim, look(stateful, PRIVATE, "application", default=""))

    def _write_status(self, stateful: Document, revision: str) -> None:
        pods = [pod for pod in self.cluster.children(stateful) if pod["kind"] == "Pod" and is_alive(pod)]
        ready = sum(map(is_ready, pods))
        status = {
            "observedGeneration": stateful["metadata"]["generation"], "replicas": len(pods), "readyReplicas": ready,
            "availableReplicas": ready, "updatedReplicas": sum(self._revision(pod) == revision for pod in pods),
            "updateRevision": revision,
        }  # fmt: skip
        if stateful.get("status") != status:
            stateful["status"] = status
            self.cluster.put(stateful)


class DaemonSets:
    """One Pod on each node; an update replaces one at a time."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def step(self, daemon: Document) -> float | None:
        """Fill empty nodes, replace one old Pod when all are ready, then write the status."""
        revision = template_hash(daemon["spec"]["template"])
        pods = [pod for pod in self.cluster.children(daemon) if is_alive(pod)]
        held = {look(pod, "spec", "nodeName") for pod in pods}
        for node in [node for node in NODES if node not in held]:
            template = copied(daemon["spec"]["template"])
            template.setdefault("spec", {})["nodeName"] = node
            name = f"{daemon['metadata']['name']}-{suffix()}"
            pods.append(create_pod(self.cluster, daemon, template, name, {"controller-revision-hash": revision}))
        self._replace_one(daemon, revision, pods)
        self._write_status(daemon, revision, [pod for pod in pods if is_alive(pod)])
        return None

    def _replace_one(self, daemon: Document, revision: str, pods: list[Document]) -> None:
        old = [pod for pod in pods if pod["metadata"]["labels"]["controller-revision-hash"] != revision]
        broken = [pod for pod in old if not is_ready(pod)]
        if look(daemon, "spec", "updateStrategy", "type") == "OnDelete" or not old:
            return
        if broken or all(map(is_ready, pods)):
            self.cluster.delete((broken or old)[0])

    def _write_status(self, daemon: Document, revision: str, pods: list[Document]) -> None:
        ready = sum(map(is_ready, pods))
        status = {
            "observedGeneration": daemon["metadata"]["generation"], "desiredNumberScheduled": len(NODES),
            "currentNumberScheduled": len(pods), "numberMisscheduled": 0, "numberReady": ready, "numberAvailable": ready,
            "updatedNumberScheduled": sum(
                pod["metadata"]["labels"]["controller-revision-hash"] == revision for pod in pods),
        }  # fmt: skip
        if daemon.get("status") != status:
            daemon["status"] = status
            self.cluster.put(daemon)


class Jobs:
    """Runs one Pod to its end."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def step(self, job: Document) -> float | None:
        """Start the Pod, or write down how it ended."""
        pods = [pod for pod in self.cluster.children(job) if pod["kind"] == "Pod"]
        if look(job, "metadata", "deletionTimestamp"):
            if not pods:
                self.cluster.remove(key_of(job).text)
        elif look(job, "spec", "suspend", default=False):
            self._finish(job, "Suspended", "JobSuspended", "Job suspended")
        elif not pods:
            template = copied(job["spec"]["template"])
            template.setdefault("spec", {}).setdefault("restartPolicy", "Never")
            name = job["metadata"]["name"]
            create_pod(self.cluster, job, template, f"{name}-{suffix()}", {"job-name": name})
        elif look(pods[-1], "status", "phase") == "Succeeded":
            self._finish(job, "Complete", "CompletionsReached", "Reached expected number of succeeded pods")
        elif look(pods[-1], "status", "phase") == "Failed":
            self._finish(job, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        return None

    def _finish(self, job: Document, kind: str, reason: str, message: str) -> None:
        now = self.cluster.clock.stamp()
        before = look(job, "status", "conditions", default=[])
        conditions = set_condition(before, kind, "True", reason, message, now)
        if conditions != before:
            job["status"] = {"conditions": conditions, "succeeded": int(kind == "Complete"), "completionTime": now}
            self.cluster.put(job)
