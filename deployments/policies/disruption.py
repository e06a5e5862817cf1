"""Nodes are drained without taking a service down, and without being blocked for ever."""

from __future__ import annotations

from collections.abc import Iterator

from deployments.policies.base import (
    JOBS,
    Manifests,
    Object,
    Workload,
    look,
    mapping,
    name_of,
    namespace_of,
    policy,
    selects,
)


@policy("disruption", about="Everything that serves has a PodDisruptionBudget, and every budget lets one pod go.")
def disruption(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """What a Service leads to serves."""
    budgets = list(manifests.of_kind("PodDisruptionBudget"))
    for workload in manifests.workloads:
        if workload.kind in JOBS or not _serves(workload, manifests):
            continue
        if not any(_covers(budget, workload) for budget in budgets):
            yield workload.object, "It serves and has no PodDisruptionBudget.", "Add one that selects its pods."
    for budget in budgets:
        covered = [workload for workload in manifests.workloads if _covers(budget, workload)]
        if not covered:
            yield budget, "It selects no pods of ours.", "Correct its selector."
        elif all(not _lets_go(budget, workload.replicas) for workload in covered):
            yield budget, "It lets no pod go, so that no node can be drained.", "Set maxUnavailable to 1."


def _serves(workload: Workload, manifests: Manifests) -> bool:
    selectors = (
        (namespace_of(item), mapping(look(item, "spec", "selector", default={})))
        for item in manifests.of_kind("Service")
    )
    return any(
        selector and namespace == workload.namespace and selects({"matchLabels": selector}, workload.labels)
        for namespace, selector in selectors
    )


def _covers(budget: Object, workload: Workload) -> bool:
    selector = look(budget, "spec", "selector")
    return (
        bool(name_of(budget))
        and namespace_of(budget) == workload.namespace
        and bool(selector)
        and selects(selector, workload.labels)
    )


def _lets_go(budget: Object, replicas: int) -> bool:
    away, kept = look(budget, "spec", "maxUnavailable"), look(budget, "spec", "minAvailable")
    if away is not None:
        return str(away) not in ("0", "0%")
    return str(kept) != "100%" if isinstance(kept, str) else isinstance(kept, int) and kept < replicas
