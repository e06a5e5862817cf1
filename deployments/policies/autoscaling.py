"""Deployments that run more than once are scaled by load."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.policies.base import Manifests, Object, Workload, look, mapping, name_of, namespace_of, number, policy


@policy(
    "autoscaling",
    about="A Deployment with more than one replica has a HorizontalPodAutoscaler that keeps at least two.",
)
def autoscaling(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """Every autoscaler scales something that is there, between two and more."""
    scaled = {_target(item): item for item in manifests.of_kind("HorizontalPodAutoscaler")}
    known = {_identity(workload) for workload in manifests.workloads}
    for workload in manifests.workloads:
        if workload.kind == "Deployment" and workload.replicas > 1 and _identity(workload) not in scaled:
            rule = f"It runs {workload.replicas} times and nothing scales it."
            yield workload.object, rule, "Add a HorizontalPodAutoscaler whose scaleTargetRef names it."
    for target, item in scaled.items():
        least, most = number(look(item, "spec", "minReplicas"), 1), number(look(item, "spec", "maxReplicas"), 0)
        if target not in known:
            yield item, f"It scales {target[1]} {target[2]}, which is not there.", "Correct its scaleTargetRef."
        if least < 2:
            yield item, "It may scale down to one pod.", "Set minReplicas to 2 or more."
        if most <= least:
            yield item, f"It cannot scale: at least {least}, at most {most}.", "Set maxReplicas above minReplicas."
        if not look(item, "spec", "metrics"):
            yield item, "It has no metric to scale by.", "Name one under metrics."


def _identity(workload: Workload) -> tuple[str, str, str]:
    return workload.namespace, workload.kind, workload.name


def _target(item: Object) -> tuple[str, str, str]:
    reference = mapping(look(item, "spec", "scaleTargetRef"))
    return namespace_of(item), str(reference.get("kind")), str(reference.get("name") or name_of(item))
