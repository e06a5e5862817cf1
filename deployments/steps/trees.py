"""Reading an Application's resource tree while it rolls out: pods, the blocking resource, early reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_tree import Node, Tree
from controlpanel.clients.errors import Ambiguous, TooBusy
from controlpanel.core.lease import StatementTime
from deployments.models import Application, PromotionComponent
from deployments.selectors.rollouts import is_ready
from deployments.steps.base import Context, Outcome
from deployments.steps.causes import stuck_pod

log = structlog.get_logger(__name__)
INTERVALS = (5.0, 8.0, 14.0, 30.0, 60.0, 90.0, 120.0)
"""Seconds between reads of one tree: an Argo CD serves many, and a rollout of several minutes has 15 requests in all."""
TOGETHER_SECONDS = 2.0
"""Trees that become due within so long are read in one go: the promotion is claimed once for them."""
MOST_PODS = 50


def look(context: Context, argocd: ArgoCD, rollout: PromotionComponent, seen: Application | None) -> Outcome | None:
    """Read the tree if its time has come; a pause where a pod has been stuck for long enough."""
    if rollout.next_tree_at is not None and context.later(_slack(rollout)) < rollout.next_tree_at:
        return None
    tree = read_if_possible(context, argocd, rollout, only_if_quiet=True)
    if tree is None:
        return None
    stuck = tree.stuck_pods()
    since = (rollout.stuck_since or context.now()) if stuck else None
    interval = INTERVALS[min(rollout.tree_reads, len(INTERVALS) - 1)]
    if stuck and since is not None:
        left = context.timings.stuck_pod_seconds - (context.now() - since).total_seconds()
        interval = max(0.5, min(interval, left)) if left > 0 else interval
    ready, total = tree.pods_ready_total()
    context.save(
        rollout, stuck_since=since, tree_reads=rollout.tree_reads + 1, next_tree_at=context.later(interval),
        message=f"{ready} of {total} new pods ready" if total else rollout.message,
    )  # fmt: skip
    if stuck and since is not None and (context.now() - since).total_seconds() >= context.timings.stuck_pod_seconds:
        return stuck_pod(context, argocd, rollout, tree)
    return None


def _slack(rollout: PromotionComponent) -> float:
    """Only what was read before is read early: a rollout that has just begun shows nothing yet."""
    return TOGETHER_SECONDS if rollout.tree_reads else 0.0


def read_if_possible(
    context: Context, argocd: ArgoCD, rollout: PromotionComponent, *, only_if_quiet: bool = False
) -> Tree | None:
    """The tree, or None where Argo CD could not give it: that hides details and decides nothing, so the wave goes on."""
    try:
        return read(context, argocd, rollout, only_if_quiet=only_if_quiet)
    except TooBusy:
        interval = INTERVALS[min(rollout.tree_reads, len(INTERVALS) - 1)]
        context.save(rollout, next_tree_at=context.later(interval))
        return None
    except Ambiguous as error:
        log.warning("tree_not_read", application=rollout.application, error=str(error))
        later = context.later(INTERVALS[min(rollout.tree_reads, len(INTERVALS) - 1)])
        context.save(rollout, tree_reads=rollout.tree_reads + 1, next_tree_at=later, message=error.sentence)
        return None


def read(context: Context, argocd: ArgoCD, rollout: PromotionComponent, *, only_if_quiet: bool = False) -> Tree:
    """Read the tree and keep what the pages show of it."""
    context.guard()
    tree = argocd.resource_tree(rollout.application, context.project, only_if_quiet=only_if_quiet)
    with context.held():
        rows = Application.objects.filter(name=rollout.application)
        known = rows.values_list("pods", flat=True).first() or []
        rows.update(**facts(tree, known, context.now()), tree_read_at=StatementTime())
    return tree


def facts(tree: Tree, known: Sequence[Mapping[str, Any]] = (), now: datetime | None = None) -> dict[str, Any]:
    """Pods and the blocking resource as an Application's row keeps them. `known` are its pods as they were read before: one that
    has become ready since was seen to do so now."""
    newest = {pod.name for pod in tree.newest_pods()}
    pods = sorted(
        (pod for pod in tree.pods() if not pod.is_over),
        key=lambda pod: (pod.name not in newest, pod.is_ready, pod.name),
    )
    blocking, before = tree.blocking_resource(), {pod["name"]: pod for pod in known}
    return {
        "pods": [_pod(pod, pod.name in newest, _ready_at(pod, before, now)) for pod in pods[:MOST_PODS]],
        "blocking": None
        if blocking is None
        else {
            "kind": blocking.kind,
            "namespace": blocking.namespace,
            "name": blocking.name,
            "message": blocking.message,
        },
    }


def _ready_at(pod: Node, before: Mapping[str, Mapping[str, Any]], now: datetime | None) -> str | None:
    """When it was first read as ready; None where nobody saw it become so."""
    seen = before.get(pod.name)
    if seen is None or not pod.is_ready:
        return None
    return seen.get("ready_at") if is_ready(seen) else now.isoformat() if now else None


def _pod(pod: Node, is_new: bool, ready_at: str | None) -> dict[str, Any]:
    ready, total = pod.containers
    return {
        "name": pod.name, "namespace": pod.namespace, "ready": ready, "total": total, "status": pod.reason or pod.health, "health": pod.health,
        "message": pod.message, "restarts": pod.restarts, "is_new": is_new, "created_at": pod.created_at.isoformat() if pod.created_at else None,
        "ready_at": ready_at,
    }  # fmt: skip
