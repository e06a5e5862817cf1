"""The resource tree: managed objects, what they own, and the health of each."""

from __future__ import annotations

from sandbox.cluster import Cluster
from sandbox.documents import Document, look, without_empty
from sandbox.health import health, health_of
from sandbox.manifests import Key, Target, external_urls, images_of, key_of, version_of
from sandbox.pods import NODES, is_alive


def tree(cluster: Cluster, name: str, target: Target | None) -> Document:
    """The whole tree of an Application; wanted objects that do not live are nodes without uid, Missing."""
    live = {key_of(item): item for item in cluster.of_application(name)}
    nodes = {key: _node(item) for key, item in live.items()}
    for manifest in target.objects if target else ():
        nodes.setdefault(key_of(manifest), _missing(manifest))
    result: Document = {"nodes": [nodes[key] for key in sorted(nodes)]}
    used = {look(item, "spec", "nodeName") for item in live.values() if item["kind"] == "Pod"}
    hosts = [_host(node) for node in NODES if node in used]
    return result | ({"hosts": hosts} if hosts else {})


def _missing(manifest: Document) -> Document:
    key = key_of(manifest)
    parts = {
        "group": key.group,
        "version": version_of(manifest),
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
    }
    return without_empty(parts) | {"health": health("Missing")}


def _node(manifest: Document) -> Document:
    key, metadata = key_of(manifest), manifest["metadata"]
    return without_empty({
        "group": key.group, "version": version_of(manifest), "kind": key.kind, "namespace": key.namespace, "name": key.name,
        "uid": metadata["uid"], "parentRefs": [_parent(key, owner) for owner in metadata.get("ownerReferences", [])],
        "info": _info(manifest), "networkingInfo": _networking(manifest), "resourceVersion": metadata["resourceVersion"],
        "images": images_of(manifest) if key.kind == "Pod" else [], "health": health_of(manifest),
        "createdAt": metadata["creationTimestamp"],
    })  # fmt: skip


def _parent(key: Key, owner: Document) -> Document:
    group, _, version = owner["apiVersion"].rpartition("/")
    return without_empty({"group": group, "version": version, "kind": owner["kind"], "namespace": key.namespace,
                          "name": owner["name"], "uid": owner["uid"]})  # fmt: skip


def _info(manifest: Document) -> list[Document]:
    if manifest["kind"] in ("Deployment", "ReplicaSet"):
        revision = look(manifest, "metadata", "annotations", "deployment.kubernetes.io/revision")
        return [{"name": "Revision", "value": f"Rev:{revision}"}] if revision else []
    if manifest["kind"] == "ControllerRevision":
        return [{"name": "Revision", "value": f"Rev:{manifest['revision']}"}]
    return _pod_info(manifest) if manifest["kind"] == "Pod" else []


def _pod_info(pod: Document) -> list[Document]:
    containers = look(pod, "status", "containerStatuses", default=[])
    total = len(look(pod, "spec", "containers", default=[]))
    ready = sum(bool(item["ready"]) for item in containers)
    node = look(pod, "spec", "nodeName")
    info: list[Document] = [{"name": "Status Reason", "value": status_reason(pod)}]
    info.append({"name": "Node", "value": node} if node else {"name": "Node"})
    info.append({"name": "Containers", "value": f"{ready}/{total}"})
    restarts = max((item["restartCount"] for item in containers), default=0)
    if restarts:
        info.append({"name": "Restart Count", "value": str(restarts)})
    return [*info, {"name": "cpu", "value": "0"}, {"name": "memory", "value": "0"}]


def status_reason(pod: Document) -> str:
    """The word that `kubectl get pods` shows as its status."""
    if not is_alive(pod):
        return "Terminating"
    for container in look(pod, "status", "containerStatuses", default=[]):
        for state in ("waiting", "terminated"):
            reason = look(container, "state", state, "reason")
            if reason:
                return str(reason)
    return str(look(pod, "status", "phase", default="Pending"))


def _networking(manifest: Document) -> Document:
    labels = look(manifest, "metadata", "labels", default={})
    if manifest["kind"] == "Pod":
        return {"labels": labels}
    if manifest["kind"] == "Service":
        return without_empty({"targetLabels": look(manifest, "spec", "selector")})
    if manifest["kind"] == "Ingress":
        return _ingress(manifest)
    return {}


def _ingress(manifest: Document) -> Document:
    paths = [
        path for rule in look(manifest, "spec", "rules", default=[]) for path in look(rule, "http", "paths", default=[])
    ]
    namespace = manifest["metadata"]["namespace"]
    targets = [
        {"kind": "Service", "namespace": namespace, "name": look(path, "backend", "service", "name")} for path in paths
    ]
    addresses = look(manifest, "status", "loadBalancer", "ingress")
    return without_empty({"targetRefs": targets, "ingress": addresses, "externalURLs": external_urls(manifest)})


def _host(node: str) -> Document:
    system = {"machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "sandbox", "osImage": "",
              "containerRuntimeVersion": "sandbox", "kubeletVersion": "sandbox", "kubeProxyVersion": "sandbox",
              "operatingSystem": "linux", "architecture": "amd64"}  # fmt: skip
    resources = [{"resourceName": "cpu", "capacity": 1000000}, {"resourceName": "memory", "capacity": 1099511627776000}]
    return {"name": node, "resourcesInfo": resources, "systemInfo": system}
