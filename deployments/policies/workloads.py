"""Kubernetes can tell whether a container works, how much it needs and where to put the next one."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.policies.base import JOBS, Manifests, Object, Workload, entries, look, mapping, policy, port_of

_HOW = {"httpGet", "tcpSocket", "exec", "grpc"}


@policy(
    "workloads",
    about="Containers have probes, requests and a limit of memory; volumes are mounted; replicas are spread over nodes.",
)
def workloads(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """Jobs need no probes; their end tells."""
    for workload in manifests.workloads:
        is_job = workload.kind in (*JOBS, "Pod")
        for container in workload.containers:
            where = f"Container {container.get('name')}: "
            for probe in () if is_job else ("readinessProbe", "livenessProbe"):
                if not _HOW & set(mapping(container.get(probe))):
                    yield workload.object, f"{where}It has no {probe}.", f"Add a {probe}."
                elif not _asks_a_port(container, probe):
                    yield workload.object, f"{where}Its {probe} asks a port that it does not have.", "Correct the port."
            for kind, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
                if not look(container, "resources", kind, name):
                    yield workload.object, f"{where}It has no {kind} of {name}.", f"Set resources.{kind}.{name}."
        for rule, fix in _volumes(workload):
            yield workload.object, rule, fix
        if workload.replicas > 1 and not is_job and not workload.pod.get("topologySpreadConstraints"):
            yield workload.object, "All of its pods may land on one node.", "Add topologySpreadConstraints."


def _asks_a_port(container: Object, probe: str) -> bool:
    """Whether a named port of a probe is one of the container's; a number need not be listed."""
    asked = {port_of(look(container, probe, how, "port")) for how in ("httpGet", "tcpSocket")}
    known = {str(port.get("name")) for port in entries(container.get("ports"))}
    return all(port in known for port in asked if isinstance(port, str) and not port.isdigit())


def _volumes(workload: Workload) -> Iterator[tuple[str, str]]:
    """What is mounted is there, and what is there is mounted: else a file is missing where the container looks for it."""
    mounted = {
        str(mount.get("name"))
        for container in workload.every_container
        for mount in entries(container.get("volumeMounts"))
    }
    volumes = {str(volume.get("name")) for volume in entries(workload.pod.get("volumes"))}
    claims = {
        str(look(claim, "metadata", "name")) for claim in entries(look(workload.object, "spec", "volumeClaimTemplates"))
    }
    for name in sorted((volumes | claims) - mounted):
        yield f"Its volume {name} is mounted nowhere.", "Mount it, or remove it."
    for name in sorted(mounted - volumes - claims):
        yield f"It mounts {name}, which is no volume of it.", "Add the volume, or correct the name."
