"""Argo CD's resource tree: what lives below an Application, and what keeps it from being healthy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controlpanel.clients.argocd_json import Json, integer, mapping, mappings, message, moment, strings, text

EARLY_REASONS = frozenset(
    {
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
"""Reasons of a Pod that tell a broken rollout long before Kubernetes' progress deadline does."""

_WORST_FIRST = ("Degraded", "Missing", "Progressing", "Unknown", "Suspended")


@dataclass(frozen=True)
class Node:
    """One live (or missing) object. `info` holds what Argo CD shows of it: a Pod's status reason, node, containers."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    parents: tuple[str, ...] = ()
    health: str = ""
    message: str = ""
    images: tuple[str, ...] = ()
    created_at: datetime | None = None
    resource_version: int = 0
    info: Mapping[str, str] = field(default_factory=dict, hash=False)
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_pod(self) -> bool:
        return self.kind == "Pod" and not self.group

    @property
    def reason(self) -> str:
        """A Pod's status reason, that of an init container without its `Init:`."""
        return self.info.get("Status Reason", "").removeprefix("Init:")

    @property
    def revision(self) -> int:
        """The rollout revision of a ReplicaSet or ControllerRevision (`Rev:3`), 0 if it has none."""
        digits = self.info.get("Revision", "").removeprefix("Rev:")
        return int(digits) if digits.isdecimal() else 0

    @property
    def containers(self) -> tuple[int, int]:
        """Ready and all containers of a Pod."""
        ready, _, total = self.info.get("Containers", "").partition("/")
        return (int(ready), int(total)) if ready.isdecimal() and total.isdecimal() else (0, 0)

    @property
    def is_ready(self) -> bool:
        ready, total = self.containers
        return self.is_pod and total > 0 and ready == total

    @property
    def is_over(self) -> bool:
        """A Pod that ran to its end (a Job's)."""
        return self.is_pod and self.reason in {"Completed", "Succeeded"}

    @property
    def restarts(self) -> int:
        return integer({"count": self.info.get("Restart Count", "").split(" ")[0]}, "count")


@dataclass(frozen=True)
class Blocking:
    """The object that keeps a rollout from finishing, with its own words."""

    kind: str
    namespace: str
    name: str
    health: str
    message: str


@dataclass(frozen=True)
class Tree:
    nodes: tuple[Node, ...] = ()

    @classmethod
    def parse(cls, document: Json) -> Tree:
        """Read `…/resource-tree`; orphaned nodes are not ours and left out."""
        return cls(nodes=tuple(_node(entry) for entry in mappings(document, "nodes")))

    def pods(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.is_pod)

    def newest_pods(self) -> tuple[Node, ...]:
        """Pods of what each workload rolls out now: of its newest ReplicaSet or ControllerRevision, or owned directly."""
        by_uid = {node.uid: node for node in self.nodes if node.uid}
        newest = {n.uid for kind in ("ReplicaSet", "ControllerRevision") for n in self._newest_of_each_owner(kind)}
        return tuple(pod for pod in self.pods() if not pod.is_over and self._is_newest(pod, by_uid, newest))

    def stuck_pods(self) -> tuple[Node, ...]:
        """Newest Pods whose reason says that they will not start by waiting."""
        return tuple(pod for pod in self.newest_pods() if pod.reason in EARLY_REASONS)

    def pods_ready_total(self) -> tuple[int, int]:
        """Ready and all Pods of what is rolled out now."""
        pods = self.newest_pods()
        return sum(pod.is_ready for pod in pods), len(pods)

    def blocking_resource(self) -> Blocking | None:
        """The cause nearest to the fault: a stuck Pod, else the worst object that Argo CD manages itself."""
        stuck = sorted(self.stuck_pods(), key=lambda pod: pod.name)
        if stuck:
            return _blocking(stuck[0], stuck[0].message or stuck[0].reason)
        waiting = [node for node in self.nodes if not node.parents and node.health in _WORST_FIRST]
        worst = min(waiting, key=lambda n: (_WORST_FIRST.index(n.health), not n.message, n.kind, n.name), default=None)
        return _blocking(worst, worst.message) if worst else None

    def _newest_of_each_owner(self, kind: str) -> Iterable[Node]:
        newest: dict[tuple[str, ...], Node] = {}
        for node in (n for n in self.nodes if n.kind == kind and n.group == "apps" and n.uid):
            best = newest.get(node.parents)
            if best is None or _age(node) > _age(best):
                newest[node.parents] = node
        return newest.values()

    def _is_newest(self, pod: Node, by_uid: Mapping[str, Node], newest: set[str]) -> bool:
        owner = next((by_uid[uid] for uid in pod.parents if uid in by_uid), None)
        if owner is None:
            return True
        if owner.kind == "ReplicaSet":
            return owner.uid in newest
        candidates = (by_uid[uid] for uid in newest)
        revisions = [n for n in candidates if n.kind == "ControllerRevision" and n.parents == (owner.uid,)]
        wanted = pod.labels.get("controller-revision-hash", "")
        # A StatefulSet labels with the revision's whole name, a DaemonSet with its hash only.
        return not revisions or not wanted or any(r.name == wanted or r.name.endswith(f"-{wanted}") for r in revisions)


def _age(node: Node) -> tuple[int, float]:
    return node.revision, node.created_at.timestamp() if node.created_at else 0.0


def _blocking(node: Node, message: str) -> Blocking:
    return Blocking(node.kind, node.namespace, node.name, node.health, message)


def _node(entry: Json) -> Node:
    health, networking = mapping(entry, "health"), mapping(entry, "networkingInfo")
    labels = {key: value for key, value in mapping(networking, "labels").items() if isinstance(value, str)}
    return Node(
        group=text(entry, "group"),
        version=text(entry, "version"),
        kind=text(entry, "kind"),
        namespace=text(entry, "namespace"),
        name=text(entry, "name"),
        uid=text(entry, "uid"),
        parents=tuple(text(parent, "uid") for parent in mappings(entry, "parentRefs")),
        health=text(health, "status"),
        message=message(health),
        images=strings(entry, "images"),
        created_at=moment(entry, "createdAt"),
        resource_version=integer(entry, "resourceVersion"),
        info={text(item, "name"): text(item, "value") for item in mappings(entry, "info")},
        labels=labels,
    )
