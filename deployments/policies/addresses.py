"""Whatever a container is told to ask, it may reach: the Service is there, and both ends of the way are open."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployments.policies.base import Manifests, Object, Workload, entries, look, mapping, policy, port_of, selects
from deployments.policies.network import Edge, edges, ports_of
from deployments.policies.scrape_targets import place_of, service_behind
from deployments.policies.variables import given_to

_ADDRESS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{1,20}://)?(?:[^/@\s,]{0,200}@)?(?P<host>[a-z](?:[a-z0-9.-]{0,250}[a-z0-9])?):(?P<port>\d{1,5})(?:[/?]\S*)?"
)
_ITSELF = ("localhost",)
_LEAST_BARE = 80
"""Without a scheme a smaller number is the tag of an image (`redis:7`) rather than a port."""
Open = frozenset[tuple[tuple[str, str], tuple[str, str], int]]


@policy(
    "addresses",
    about="What a variable tells a container to ask is a Service that exists, and that policies let it reach.",
)
def addresses(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """Addresses outside of the platform's namespaces are not known; what comes out of a secret is not read."""
    out, come_in = (frozenset(edge.key for _, edge in edges(manifests, way)) for way in ("egress", "ingress"))
    for workload in manifests.workloads:
        for name, host, port in _told(workload, manifests):
            if problem := _problem(workload, host, port, manifests, out & come_in):
                yield workload.object, f"{name}: {problem[0]}", problem[1]


def _told(workload: Workload, manifests: Manifests) -> Iterator[tuple[str, str, int]]:
    """Variable, host and port of each address that the workload's containers are given; each once."""
    found = {
        (name, match["host"], int(match["port"]))
        for container in workload.every_container
        for name, given in given_to(container, workload, manifests).items()
        for part in (given.value if isinstance(given.value, str) else "").split(",")
        if (match := _ADDRESS.fullmatch(part.strip()))
        if match["scheme"] or int(match["port"]) >= _LEAST_BARE or _is_ours(match["host"], workload, manifests)
    }
    return iter(sorted(found))


def _is_ours(host: str, workload: Workload, manifests: Manifests) -> bool:
    return service_behind(place_of(host, workload.namespace), manifests)[1] is not None


def _problem(workload: Workload, host: str, port: int, manifests: Manifests, ways: Open) -> tuple[str, str] | None:
    place = place_of(host, workload.namespace)
    if host in _ITSELF or place[1] not in manifests.namespaces:
        return None
    (name, namespace), service = service_behind(place, manifests)
    if service is None:
        return (f"There is no Service {namespace}/{name}.", "Correct the address, or add the Service.") if namespace in manifests.namespaces else None  # fmt: skip
    for server in _behind(service, namespace, manifests):
        target = _target(service, server, port)
        if target is None:
            return f"The Service {namespace}/{name} has no port {port}.", "Correct the address, or add the port."
        edge = Edge((workload.namespace, workload.name), (server.namespace, server.name), target, True)
        if edge.key not in ways:
            return (
                f"No policies let it reach {namespace}/{name} at {target}.",
                "Allow it as egress here and as ingress there.",
            )
    return None


def _behind(service: Object, namespace: str, manifests: Manifests) -> Iterator[Workload]:
    selector = mapping(look(service, "spec", "selector"))
    return (
        workload
        for workload in manifests.workloads
        if selector and workload.namespace == namespace and selects({"matchLabels": selector}, workload.labels)
    )


def _target(service: Object, server: Workload, port: int) -> int | None:
    """The pods' port behind a Service's port; policies see it, not the Service's."""
    for entry in entries(look(service, "spec", "ports")):
        if entry.get("port") == port:
            return ports_of(server).get(port_of(entry.get("targetPort", port)))
    return None
