"""Nothing talks to anything but what has to: default deny, and edges that both ends agree on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deployments.policies.base import (
    Manifests,
    Object,
    Workload,
    entries,
    look,
    mapping,
    namespace_of,
    number,
    policy,
    port_of,
    selects,
    texts,
)

NAME = "kubernetes.io/metadata.name"
_NAMES = {("UDP", 53), ("TCP", 53)}
"""How names are looked up: a long answer comes by TCP."""
_SOLVER, _SOLVER_PORT = "acme.cert-manager.io/http01-solver", 8089
"""The pods that cert-manager makes while it proves a host by HTTP; no manifest holds them."""


@dataclass(frozen=True)
class Edge:
    """From one workload to a port of another, as namespace and name; `is_named` where a policy selects the very pods."""

    client: tuple[str, str]
    server: tuple[str, str]
    port: int
    is_named: bool

    @property
    def key(self) -> tuple[tuple[str, str], tuple[str, str], int]:
        return self.client, self.server, self.port

    def __str__(self) -> str:
        return f"from {'/'.join(self.client)} to {'/'.join(self.server)} at {self.port}"


@policy(
    "network",
    about="Each namespace denies by default; each edge between our pods is allowed at both ends, to a port that exists.",
)
def network(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """A door that one side opens and the other keeps shut is a mistake of one of them."""
    rules = list(manifests.of_kind("NetworkPolicy"))
    for namespace in sorted(manifests.namespaces):
        if not any(namespace_of(item) == namespace and _denies_all(item) for item in rules):
            yield (
                _namespace(namespace),
                "It denies nothing by default.",
                "Add a NetworkPolicy with an empty podSelector and no rules.",
            )
        elif not any(namespace_of(item) == namespace and _allows_names(item) for item in rules):
            yield (
                _namespace(namespace),
                "Its pods cannot look up names.",
                "Add a NetworkPolicy for all pods with egress to port 53, by UDP and TCP.",
            )
    for item in rules:
        yield from ((item, rule, fix) for rule, fix in _of_policy(item, manifests))
    yield from _one_sided(manifests)
    yield from _shut(manifests)
    for item in manifests.of_kind("Ingress"):
        yield from ((item, rule, fix) for rule, fix in _unreached(item, manifests))


def _namespace(name: str) -> Object:
    return {"kind": "Namespace", "metadata": {"name": name}}


def edges(manifests: Manifests, direction: str) -> Iterator[tuple[Object, Edge]]:
    """Edges between workloads that policies allow for `ingress` or `egress`, with the policy that says so."""
    for item in manifests.of_kind("NetworkPolicy"):
        own = [workload for workload in manifests.workloads if _takes(item, workload)]
        for rule in entries(look(item, "spec", direction)):
            for peer in entries(rule.get("from" if direction == "ingress" else "to")):
                for other in _peers(peer, namespace_of(item), manifests):
                    for workload in own:
                        yield from ((item, edge) for edge in _between(workload, other, rule, peer, direction))


def _between(own: Workload, other: Workload, rule: Object, peer: Object, direction: str) -> Iterator[Edge]:
    client, server = (other, own) if direction == "ingress" else (own, other)
    exposed = ports_of(server)
    for entry in entries(rule.get("ports")):
        found = exposed.get(port_of(entry.get("port")))
        if found is not None:
            yield Edge((client.namespace, client.name), (server.namespace, server.name), found, "podSelector" in peer)


def _denies_all(item: Object) -> bool:
    spec = mapping(item.get("spec"))
    types = set(texts(spec.get("policyTypes")))
    return (
        not mapping(spec.get("podSelector"))
        and types >= {"Ingress", "Egress"}
        and not (spec.get("ingress") or spec.get("egress"))
    )


def _of_policy(item: Object, manifests: Manifests) -> Iterator[tuple[str, str]]:
    if not _is_for_solvers(item) and not any(_takes(item, workload) for workload in manifests.workloads):
        yield "It selects no pods of ours.", "Correct its podSelector."
    for direction, word, kind in (("ingress", "from", "Ingress"), ("egress", "to", "Egress")):
        rules = look(item, "spec", direction, default=[])
        if rules and kind not in texts(look(item, "spec", "policyTypes")):
            yield f"It has rules for {direction} and does not say so.", f"List {kind} under policyTypes."
        for rule in entries(rules):
            if not rule.get(word):
                yield f"It allows {direction} {word} everywhere.", f"Name who may, under {word}."
            if not rule.get("ports"):
                yield f"It allows {direction} at every port.", "Name the ports."
            for odd in _odd_ports(item, rule, direction, manifests):
                yield f"It allows {direction} at {odd}, which is no port of the pods.", "Name a port that they have."
            for peer in entries(rule.get(word)):
                if _is_anybody(peer):
                    yield f"It allows {direction} {word} any namespace.", f"Name who may, under {word}."
                if _is_ours(peer, item, manifests) and not list(_peers(peer, namespace_of(item), manifests)):
                    yield f"It allows {direction} {word} pods that are not there.", "Correct the selectors."


def _is_anybody(peer: Object) -> bool:
    """An empty namespaceSelector takes every namespace of the cluster; a peer that names nothing is refused by Kubernetes."""
    if "namespaceSelector" in peer:
        return not mapping(peer["namespaceSelector"])
    return not {"podSelector", "ipBlock"} & set(peer)


def _odd_ports(item: Object, rule: Object, direction: str, manifests: Manifests) -> Iterator[object]:
    """Ports of a rule that no pod at the server's end has, where all of these pods are ours."""
    if direction == "ingress":
        servers = [workload for workload in manifests.workloads if _takes(item, workload)]
    else:
        peers = entries(rule.get("to"))
        if not all("podSelector" in peer and _is_ours(peer, item, manifests) for peer in peers):
            return
        servers = [workload for peer in peers for workload in _peers(peer, namespace_of(item), manifests)]
    known = {name for workload in servers for name in ports_of(workload)}
    known |= {_SOLVER_PORT} if _is_for_solvers(item) else set()
    asked = (port_of(entry.get("port")) for entry in entries(rule.get("ports")))
    yield from (port for port in asked if port not in known)


def _is_for_solvers(item: Object) -> bool:
    return _SOLVER in mapping(look(item, "spec", "podSelector", "matchLabels"))


def _one_sided(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    come, go = list(edges(manifests, "ingress")), list(edges(manifests, "egress"))
    entered, left = {edge.key for _, edge in come}, {edge.key for _, edge in go}
    for item, edge in go:
        if edge.key not in entered:
            yield item, f"It lets out {edge}, which no policy lets in.", "Allow it there as ingress, or not here."
    for item, edge in come:
        if edge.is_named and edge.key not in left:
            yield item, f"It lets in {edge}, which no policy lets out.", "Allow it there as egress, or not here."


def _shut(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """A Service whose pods nobody may reach at its port serves nobody."""
    for (namespace, _), service in manifests.services.items():
        selector = mapping(look(service, "spec", "selector"))
        for workload in manifests.workloads:
            if (
                not selector
                or workload.namespace != namespace
                or not selects({"matchLabels": selector}, workload.labels)
            ):
                continue
            open_ports = _let_in(workload, manifests)
            for entry in entries(look(service, "spec", "ports")):
                target = ports_of(workload).get(port_of(entry.get("targetPort", entry.get("port"))))
                if target is not None and target not in open_ports:
                    yield service, f"No policy lets anybody in at {target}.", "Allow who needs it, or remove the port."


def _unreached(item: Object, manifests: Manifests) -> Iterator[tuple[str, str]]:
    """Services of an Ingress whose pods let nobody in from a namespace that is not ours, where its controller lives."""
    paths = [path for rule in entries(look(item, "spec", "rules")) for path in entries(look(rule, "http", "paths"))]
    for name in sorted({str(look(path, "backend", "service", "name")) for path in paths}):
        service = manifests.services.get((namespace_of(item), name))
        selector = mapping(look(service, "spec", "selector")) if service else {}
        behind = [
            workload
            for workload in manifests.workloads
            if selector
            and workload.namespace == namespace_of(item)
            and selects({"matchLabels": selector}, workload.labels)
        ]
        if not behind:
            yield f"It leads to the Service {name}, which has no pods of ours.", "Correct the name."
        elif not any(_from_outside(rules, manifests) for workload in behind for rules in _rules(workload, manifests)):
            yield f"No policy lets its controller in to {name}.", "Allow the controller's namespace as ingress."


def _rules(workload: Workload, manifests: Manifests) -> Iterator[tuple[Object, Object]]:
    """Each policy and rule that lets somebody in to a workload at a port that it has."""
    ports = ports_of(workload)
    for item in manifests.of_kind("NetworkPolicy"):
        if _takes(item, workload):
            for rule in entries(look(item, "spec", "ingress")):
                if any(port_of(entry.get("port")) in ports for entry in entries(rule.get("ports"))):
                    yield item, rule


def _from_outside(found: tuple[Object, Object], manifests: Manifests) -> bool:
    item, rule = found
    return any(not _is_ours(peer, item, manifests) for peer in entries(rule.get("from")))


def _allows_names(item: Object) -> bool:
    if mapping(look(item, "spec", "podSelector")):
        return False
    ports = [port for rule in entries(look(item, "spec", "egress")) for port in entries(rule.get("ports"))]
    return {(str(port.get("protocol")), port_of(port.get("port"))) for port in ports} >= _NAMES


def _let_in(workload: Workload, manifests: Manifests) -> set[int]:
    ports = ports_of(workload)
    return {
        ports[known]
        for _, rule in _rules(workload, manifests)
        for entry in entries(rule.get("ports"))
        if (known := port_of(entry.get("port"))) in ports
    }


def _takes(item: Object, workload: Workload) -> bool:
    return namespace_of(item) == workload.namespace and selects(look(item, "spec", "podSelector"), workload.labels)


def _peers(peer: Object, home: str, manifests: Manifests) -> Iterator[Workload]:
    return (
        workload
        for workload in manifests.workloads
        if _in_namespace(peer, home, workload.namespace) and selects(peer.get("podSelector"), workload.labels)
        if "ipBlock" not in peer
    )


def _in_namespace(peer: Object, home: str, namespace: str) -> bool:
    if "namespaceSelector" not in peer:
        return namespace == home
    return selects(peer["namespaceSelector"], {NAME: namespace})


def _is_ours(peer: Object, item: Object, manifests: Manifests) -> bool:
    """Whether a peer means pods of a namespace of ours; others are not known."""
    return "ipBlock" not in peer and any(
        _in_namespace(peer, namespace_of(item), namespace) for namespace in manifests.namespaces
    )


def ports_of(workload: Workload) -> dict[object, int]:
    """Name and number -> number of the ports that a workload's containers have."""
    found: dict[object, int] = {}
    for container in workload.containers:
        for port in entries(container.get("ports")):
            own = number(port.get("containerPort"), 0)
            found[own] = own
            if port.get("name"):
                found[str(port["name"])] = own
    return found
