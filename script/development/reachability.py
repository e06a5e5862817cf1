"""Who may reach whom on which port, read out of rendered manifests as Kubernetes reads NetworkPolicies.

A connection needs both sides: a policy that lets it out where the sender's Pods are restricted, and one that lets it in where the
receiver's are. Rules are read for Pods of the objects given, for other namespaces by name, and for addresses outside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "Job")
NAMESPACE = "kubernetes.io/metadata.name"
OUTSIDE = "outside"


@dataclass(frozen=True, order=True)
class Place:
    """A workload of a namespace; another namespace as a whole has no workload."""

    namespace: str
    workload: str = ""
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, order=True)
class Edge:
    """What one place may ask another for."""

    source: Place
    target: Place
    ports: tuple[int, ...]


def workloads(objects: Iterable[Object]) -> list[Place]:
    """The workloads with the labels of their Pods, in the order of their names."""
    return sorted(
        Place(
            item["metadata"]["namespace"],
            item["metadata"]["name"],
            tuple(sorted(item["spec"]["template"]["metadata"]["labels"].items())),
        )
        for item in objects
        if item["kind"] in WORKLOADS
    )


def edges(objects: Sequence[Object]) -> list[Edge]:
    """Every connection that the policies allow between workloads, other namespaces and the outside, DNS left out."""
    ours = workloads(objects)
    policies = [item for item in objects if item["kind"] == "NetworkPolicy"]
    others = sorted(
        {Place(name) for item in policies for name in _named(item["spec"])} - {Place(one.namespace) for one in ours}
    )
    found: dict[tuple[Place, Place], set[int]] = defaultdict(set)
    for source in [*ours, *others]:
        for target in [*ours, *others, Place(OUTSIDE)]:
            if source.workload or target.workload:
                found[source, target] |= _open(policies, source, target)
    return sorted(Edge(*pair, tuple(sorted(ports - {53}))) for pair, ports in found.items() if ports - {53})


def _open(policies: list[Object], source: Place, target: Place) -> set[int]:
    out = _allowed(policies, "egress", source, target)
    into = _allowed(policies, "ingress", target, source)
    if out is None or into is None:
        return (out if into is None else into) or set()
    return out & into


def _allowed(policies: list[Object], way: str, own: Place, peer: Place) -> set[int] | None:
    """The ports on which `own` may speak to `peer` (or hear it); None where nothing restricts it."""
    if not own.workload:
        return None
    chosen = [item for item in policies if _restricts(item, way, own)]
    if not chosen:
        return None
    rules = [rule for item in chosen for rule in item["spec"].get(way) or ()]
    side = "to" if way == "egress" else "from"
    return {port["port"] for rule in rules if _meets(rule.get(side), own, peer) for port in rule.get("ports", ())}


def _restricts(policy: Object, way: str, place: Place) -> bool:
    spec = policy["spec"]
    is_here = policy["metadata"]["namespace"] == place.namespace
    return is_here and way.capitalize() in spec["policyTypes"] and _selects(spec["podSelector"], dict(place.labels))


def _meets(peers: list[Object] | None, own: Place, peer: Place) -> bool:
    """Whether a rule's list of peers holds this one; a rule without a list holds everybody."""
    if peers is None:
        return True
    return any(_is(entry, own, peer) for entry in peers)


def _is(entry: Object, own: Place, peer: Place) -> bool:
    if "ipBlock" in entry:
        return peer.namespace == OUTSIDE
    if peer.namespace == OUTSIDE:
        return False
    names = {NAMESPACE: peer.namespace}
    is_there = (
        _selects(entry["namespaceSelector"], names) if "namespaceSelector" in entry else peer.namespace == own.namespace
    )
    return is_there and (not peer.workload or _selects(entry.get("podSelector", {}), dict(peer.labels)))


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    return all(labels.get(key) == value for key, value in wanted) and all(
        _holds(rule, labels) for rule in selector.get("matchExpressions", ())
    )


def _holds(rule: Object, labels: Mapping[str, str]) -> bool:
    value = labels.get(rule["key"])
    return {
        "In": value in rule.get("values", ()),
        "NotIn": value not in rule.get("values", ()),
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[rule["operator"]]


def _named(value: Any) -> Iterator[str]:
    """The namespaces that a policy names."""
    if isinstance(value, list):
        for item in value:
            yield from _named(item)
    elif isinstance(value, Mapping):
        if value.get("key") == NAMESPACE:
            yield from value.get("values", ())
        for key, item in value.items():
            yield from [item] if key == NAMESPACE else _named(item)
