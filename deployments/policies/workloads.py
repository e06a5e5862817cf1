"""Kubernetes can tell whether a container works, how much it needs and where to put the next one."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.policies.base import JOBS, Manifests, Object, look, policy


@policy("workloads", about="Containers have probes, requests and a limit of memory; replicas are spread over nodes.")
def workloads(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """Jobs need no probes; their end tells."""
    for workload in manifests.workloads:
        is_job = workload.kind in (*JOBS, "Pod")
        for container in workload.containers:
            where = f"Container {container.get('name')}: "
            for probe in () if is_job else ("readinessProbe", "livenessProbe"):
                if not container.get(probe):
                    yield workload.object, f"{where}It has no {probe}.", f"Add a {probe}."
            for kind, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
                if not look(container, "resources", kind, name):
                    yield workload.object, f"{where}It has no {kind} of {name}.", f"Set resources.{kind}.{name}."
        if workload.replicas > 1 and not is_job and not workload.pod.get("topologySpreadConstraints"):
            yield workload.object, "All of its pods may land on one node.", "Add topologySpreadConstraints."
