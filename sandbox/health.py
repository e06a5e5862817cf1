"""The health of one live object, by the rules and in the words of Argo CD 3.6."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.documents import Document, look

ORDER = ("Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown")
Health = dict[str, str]


def health(status: str, message: str = "") -> Health:
    """The health object as Argo CD writes it; no message, no key."""
    return {"status": status, "message": message} if message else {"status": status}


def worst(states: list[str]) -> str:
    """The worst of these states; Healthy when there are none."""
    return max(states, key=ORDER.index, default="Healthy")


def _condition(manifest: Document, kind: str) -> Document:
    conditions = look(manifest, "status", "conditions", default=[])
    found: Document = next((item for item in conditions if item.get("type") == kind), {})
    return found


def _observed(manifest: Document) -> bool:
    generation = look(manifest, "metadata", "generation", default=0)
    return bool(look(manifest, "status", "observedGeneration", default=0) >= generation)


def _deployment(manifest: Document) -> Health:
    status, wanted = manifest.get("status", {}), look(manifest, "spec", "replicas", default=1)
    if look(manifest, "spec", "paused", default=False):
        return health("Suspended", "Deployment is paused")
    waiting = "Waiting for rollout to finish: "
    if not _observed(manifest):
        return health("Progressing", f"{waiting}observed deployment generation less than desired generation")
    if _condition(manifest, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return health("Degraded", f'Deployment "{manifest["metadata"]["name"]}" exceeded its progress deadline')
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    if updated < wanted:
        return health("Progressing", f"{waiting}{updated} out of {wanted} new replicas have been updated...")
    if total > updated:
        return health("Progressing", f"{waiting}{total - updated} old replicas are pending termination...")
    if available < updated:
        return health("Progressing", f"{waiting}{available} of {updated} updated replicas are available...")
    return health("Healthy")


def _stateful_set(manifest: Document) -> Health:
    status, wanted = manifest.get("status", {}), look(manifest, "spec", "replicas", default=1)
    if not _observed(manifest) or not status.get("observedGeneration"):
        return health("Progressing", "Waiting for statefulset spec update to be observed...")
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if ready < wanted:
        return health("Progressing", f"Waiting for {wanted - ready} pods to be ready...")
    partition = look(manifest, "spec", "updateStrategy", "rollingUpdate", "partition", default=0)
    if look(manifest, "spec", "updateStrategy", "type") == "OnDelete" or updated >= wanted - partition:
        return health("Healthy")
    return health(
        "Progressing", f"waiting for statefulset rolling update to complete {updated} pods at revision "
        f"{status.get('updateRevision', '')}...")  # fmt: skip


def _daemon_set(manifest: Document) -> Health:
    status, name = manifest.get("status", {}), manifest["metadata"]["name"]
    if not _observed(manifest):
        return health(
            "Progressing", "Waiting for rollout to finish: observed daemon set generation less than desired generation"
        )
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    waiting = f'Waiting for daemon set "{name}" rollout to finish: '
    if updated < wanted:
        return health("Progressing", f"{waiting}{updated} out of {wanted} new pods have been updated...")
    if available < wanted:
        return health("Progressing", f"{waiting}{available} of {wanted} updated pods are available...")
    return health("Healthy")


def _replica_set(manifest: Document) -> Health:
    wanted, available = (
        look(manifest, "spec", "replicas", default=1),
        look(manifest, "status", "availableReplicas", default=0),
    )
    if not _observed(manifest):
        return health(
            "Progressing", "Waiting for rollout to finish: observed replica set generation less than desired generation"
        )
    if available < wanted:
        return health(
            "Progressing", f"Waiting for rollout to finish: {available} out of {wanted} new replicas are available..."
        )
    return health("Healthy")


def _pod(manifest: Document) -> Health:
    status = manifest.get("status", {})
    for container in status.get("containerStatuses", []):
        reason = look(container, "state", "waiting", "reason", default="")
        if reason.startswith("Err") or reason.endswith(("Error", "BackOff")):
            return health("Degraded", look(container, "state", "waiting", "message", default=""))
    phase = status.get("phase")
    if phase == "Succeeded":
        return health("Healthy", status.get("message", ""))
    if phase == "Failed":
        return health("Degraded", status.get("message", "") or _exit_message(status))
    if phase == "Running" and look(manifest, "spec", "restartPolicy", default="Always") == "Always":
        return _running_pod(manifest)
    return health("Progressing", status.get("message", ""))


def _exit_message(status: Document) -> str:
    codes = [(container["name"], look(container, "state", "terminated", "exitCode", default=0))
             for container in status.get("containerStatuses", [])]  # fmt: skip
    return next((f'container "{name}" failed with exit code {code}' for name, code in codes if code), "")


def _running_pod(manifest: Document) -> Health:
    if _condition(manifest, "Ready").get("status") == "True":
        return health("Healthy")
    for container in look(manifest, "status", "containerStatuses", default=[]):
        if look(container, "lastState", "terminated"):
            return health("Degraded", look(container, "lastState", "terminated", "message", default=""))
    return health("Progressing")


def _job(manifest: Document) -> Health:
    for kind, result in (("Failed", "Degraded"), ("Suspended", "Suspended"), ("Complete", "Healthy")):
        found = _condition(manifest, kind)
        if found.get("status") == "True":
            return health(result, found.get("message", ""))
    return health("Progressing")


def _service(manifest: Document) -> Health:
    balanced = look(manifest, "spec", "type") != "LoadBalancer" or look(manifest, "status", "loadBalancer", "ingress")
    return health("Healthy" if balanced else "Progressing")


def _ingress(manifest: Document) -> Health:
    return health("Healthy" if look(manifest, "status", "loadBalancer", "ingress") else "Progressing")


def _claim(manifest: Document) -> Health:
    phase = look(manifest, "status", "phase", default="Pending")
    return health({"Bound": "Healthy", "Pending": "Progressing", "Lost": "Degraded"}.get(phase, "Unknown"))


def _autoscaler(manifest: Document) -> Health:
    found = _condition(manifest, "AbleToScale")
    if found.get("status") == "True":
        return health("Healthy", found.get("message", ""))
    return health("Progressing", "Waiting to Autoscale")


def _disruption_budget(manifest: Document) -> Health:
    found = _condition(manifest, "DisruptionAllowed")
    return health("Healthy", f"PodDisruptionBudget has {found['reason']}") if found else health(
        "Progressing", "Waiting for status")  # fmt: skip


def _ready_condition(waiting: str, kind: str = "Ready") -> Callable[[Document], Health]:
    def check(manifest: Document) -> Health:
        found = _condition(manifest, kind)
        if not found:
            return health("Progressing", waiting)
        return health("Healthy" if found.get("status") == "True" else "Degraded", found.get("message", ""))

    return check


CHECKS: dict[tuple[str, str], Callable[[Document], Health]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("", "Pod"): _pod,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): lambda manifest: health("Healthy"),
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("", "PersistentVolumeClaim"): _claim,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("policy", "PodDisruptionBudget"): _disruption_budget,
    ("external-secrets.io", "ExternalSecret"): _ready_condition("Waiting for ExternalSecret"),
    ("external-secrets.io", "SecretStore"): _ready_condition("Waiting for SecretStore"),
    ("external-secrets.io", "ClusterSecretStore"): _ready_condition("Waiting for ClusterSecretStore"),
    ("bitnami.com", "SealedSecret"): _ready_condition("Waiting for Sealed Secret to be decrypted", "Synced"),
    ("cert-manager.io", "Certificate"): _ready_condition("Waiting for certificate"),
}


def health_of(manifest: Document) -> Health | None:
    """The object's health, or None for kinds that have no check."""
    if look(manifest, "metadata", "deletionTimestamp"):
        return health("Progressing", "Pending deletion")
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    check = CHECKS.get((group, str(manifest.get("kind"))))
    return check(manifest) if check else None
