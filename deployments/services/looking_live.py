"""Live objects as pages show them: outlined, without what only machines care for. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from controlpanel.clients.argocd_json import Json, integer, mapping, mappings, moment, storable, text
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.argocd_tree import Node, Tree
from deployments.renderers.difference import shown_line
from deployments.renderers.objects import LAST_APPLIED
from deployments.renderers.redaction import without_secrets

MOST_NODES = 400
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Rollout")
_MACHINERY = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")
_CONTROLLERS = ("argocd", "kube-controller-manager", "kubelet")
Facts = dict[str, Any]


def outline(tree: Tree, application: Application) -> tuple[list[Facts], int]:
    """Nodes in reading order with their depth, and how many were left out; old ReplicaSets without pods are left out."""
    sync = {(one.group, one.kind, one.namespace, one.name): one.status for one in application.resources}
    children: defaultdict[str, list[Node]] = defaultdict(list)
    known = {node.uid for node in tree.nodes if node.uid}
    roots = [node for node in tree.nodes if not known.intersection(node.parents)]
    for node in tree.nodes:
        for parent in known.intersection(node.parents):
            children[parent].append(node)
    walked = _walk(sorted(roots, key=_order), children, 0, set())
    listed = [_node(node, depth, sync) for node, depth in walked]
    kept = listed[:MOST_NODES]
    return kept, len(tree.nodes) - len(kept)


def _walk(
    nodes: Iterable[Node], children: Mapping[str, list[Node]], depth: int, seen: set[int]
) -> Iterator[tuple[Node, int]]:
    """Each node once, below the first of its owners: owners of owners in common would multiply it."""
    newest: set[str] = set()
    for node in nodes:
        if id(node) in seen:
            continue
        seen.add(id(node))
        below = sorted(children.get(node.uid, ()), key=_order) if node.uid and depth < 6 else []
        owner = ",".join(node.parents)
        is_old = node.kind == "ReplicaSet" and owner in newest and not below
        newest.add(owner if node.kind == "ReplicaSet" else "")
        if not is_old:
            yield node, depth
            yield from _walk(below, children, depth + 1, seen)


def _order(node: Node) -> tuple[bool, str, int, str]:
    """Workloads first, then by kind; the newest revision first."""
    return node.kind not in WORKLOADS, node.kind, -node.revision, node.name


def _node(node: Node, depth: int, sync: Mapping[tuple[str, str, str, str], str]) -> Facts:
    return {
        "group": node.group, "version": node.version, "kind": node.kind, "namespace": node.namespace, "name": node.name, "uid": node.uid,
        "depth": depth, "sync": sync.get((node.group, node.kind, node.namespace, node.name), ""), "health": node.health,
        "message": said(node.message, 500), "fact": _fact(node), "created_at": node.created_at and node.created_at.isoformat(),
    }  # fmt: skip


def _fact(node: Node) -> str:
    """The one figure beside a name: ready containers of a Pod with its reason, the revision of a ReplicaSet."""
    if node.is_pod:
        ready, total = node.containers
        reason = "" if node.reason == "Running" else node.reason
        restarts = f"{node.restarts} restart{'s' if node.restarts != 1 else ''}" if node.restarts else ""
        return ", ".join(filter(None, (f"{ready} of {total}" if total else "", reason, restarts)))
    return f"rev {node.revision}" if node.revision else ""


def object_of(item: Json, part: str) -> Json | None:
    """One state of a managed resource, which Argo CD gives as a JSON text; None where there is none."""
    try:
        found = json.loads(text(item, part) or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) and found else None


def settled(item: Json) -> Facts:
    """An object without what the API server writes by itself: that is no difference."""
    return {key: value for key, value in of_people(item).items() if key != "status"}


def of_people(item: Json) -> Facts:
    """An object without managed fields and the copy of everything that kubectl keeps."""
    metadata = {key: value for key, value in mapping(item, "metadata").items() if key not in _MACHINERY}
    annotations = {key: value for key, value in mapping(metadata, "annotations").items() if key != LAST_APPLIED}
    metadata = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**item, "metadata": {**metadata, **({"annotations": annotations} if annotations else {})}}


def hand_of(live: Json) -> Facts | None:
    """Who wrote to the object last, as the cluster tells: {"manager", "at"}; controllers and status do not count."""
    found = [
        entry
        for entry in mappings(mapping(live, "metadata"), "managedFields")
        if text(entry, "subresource") != "status" and not text(entry, "manager").startswith(_CONTROLLERS)
    ]
    last = max(found, key=lambda entry: text(entry, "time"), default=None)
    at = moment(last, "time") if last else None
    return {"manager": shown_line(text(last, "manager"))[:100], "at": at.isoformat()} if last and at else None


def containers_of(live: Json) -> list[Facts]:
    """Containers of a Pod or of a workload's template: name, image, what they ask for, and how often a Pod's restarted."""
    spec, status = mapping(live, "spec"), mapping(live, "status")
    states = [one for part in ("containerStatuses", "initContainerStatuses") for one in mappings(status, part)]
    restarts = {text(one, "name"): integer(one, "restartCount") for one in states}
    pod = mapping(mapping(spec, "template"), "spec") or spec
    return [
        {
            "name": text(one, "name"),
            "image": text(one, "image"),
            "is_init": part == "initContainers",
            "limits": _amounts(one),
            "restarts": restarts.get(text(one, "name"), 0),
        }
        for part in ("containers", "initContainers")
        for one in mappings(pod, part)[:20]
    ]


def _amounts(container: Json) -> str:
    limits = mapping(mapping(container, "resources"), "limits")
    found = (f"{key} {value}" for key, value in sorted(limits.items()) if isinstance(value, str | int))
    return storable(", ".join(found))


def said(message: str, most: int) -> str:
    """What Argo CD or Kubernetes said, without what looks like a secret: the words of a tool may hold an address or a value."""
    return shown_line(without_secrets(message))[:most]


def event_of(item: Json) -> Facts:
    """One Kubernetes event; an event may carry one of three times."""
    at = moment(item, "lastTimestamp") or moment(item, "eventTime") or moment(item, "firstTimestamp")
    about, count = mapping(item, "involvedObject"), item.get("count")
    return {
        "at": at and at.isoformat(), "type": text(item, "type"), "reason": shown_line(text(item, "reason"))[:100],
        "message": said(text(item, "message"), 2000), "count": count if isinstance(count, int) else 1,
        "about": f"{text(about, 'kind')}/{text(about, 'name')}",
    }  # fmt: skip
