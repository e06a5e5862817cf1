"""Pods hold to the Pod Security Standard `restricted`, and to what it leaves open: no token, a disk that is read only."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.policies.base import Manifests, Object, entries, look, mapping, policy, texts

_PLAIN_VOLUMES = frozenset(
    "configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret name".split()
)
_PROFILES = ("RuntimeDefault", "Localhost")
Broken = Iterator[tuple[str, str]]


@policy(
    "restricted-pods", about="Pods hold to the Pod Security Standard “restricted”, hold no token and write to no image."
)
def restricted_pods(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """As Kubernetes 1.36 defines the standard."""
    for workload in manifests.workloads:
        for rule, fix in _pod(workload.pod):
            yield workload.object, rule, fix
        for container in workload.every_container:
            for rule, fix in _container(container, workload.pod):
                yield workload.object, f"Container {container.get('name')}: {rule}", fix
    for account in manifests.of_kind("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield account, "Its token is mounted into every pod.", "Set automountServiceAccountToken to false."


def _pod(pod: Object) -> Broken:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"It shares the node ({field}).", f"Remove {field}."
    if pod.get("automountServiceAccountToken") is not False:
        yield "The token of its service account is mounted.", "Set automountServiceAccountToken to false."
    if pod.get("serviceAccountName", "default") == "default":
        yield "It runs as the namespace's default service account.", "Give it a ServiceAccount of its own."
    for volume in entries(pod.get("volumes")):
        if odd := set(volume) - _PLAIN_VOLUMES:
            yield f"Volume {volume.get('name')} is of the kind {', '.join(sorted(odd))}.", "Use a claim or an emptyDir."
    if look(pod, "securityContext", "sysctls"):
        yield "It sets sysctls.", "Remove them."


def _container(container: Object, pod: Object) -> Broken:
    own, shared = mapping(container.get("securityContext")), mapping(pod.get("securityContext"))
    if own.get("privileged"):
        yield "It is privileged.", "Remove privileged."
    if own.get("allowPrivilegeEscalation") is not False:
        yield "It may gain privileges.", "Set allowPrivilegeEscalation to false."
    if own.get("readOnlyRootFilesystem") is not True:
        yield (
            "Its root file system can be written.",
            "Set readOnlyRootFilesystem to true and mount an emptyDir where it writes.",
        )
    if "ALL" not in texts(look(own, "capabilities", "drop")):
        yield "It keeps capabilities.", "Drop ALL capabilities."
    if set(texts(look(own, "capabilities", "add"))) - {"NET_BIND_SERVICE"}:
        yield "It adds capabilities.", "Remove them."
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield "It may run as root.", "Set runAsNonRoot to true."
    if own.get("runAsUser", shared.get("runAsUser")) == 0:
        yield "It runs as root.", "Set runAsUser to another number than 0."
    if look(own, "seccompProfile", "type", default=look(shared, "seccompProfile", "type")) not in _PROFILES:
        yield "It has no seccomp profile.", "Set seccompProfile.type to RuntimeDefault."
    if any(port.get("hostPort") for port in entries(container.get("ports"))):
        yield "It takes a port of the node.", "Remove hostPort and use a Service."
    if own.get("procMount", "Default") != "Default":
        yield "It sees more of /proc than it needs.", "Remove procMount."
