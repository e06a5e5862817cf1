"""Why a rollout pauses, in the words of Argo CD and of the pod, with what it means and what usually helps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_json import Json, message, moment, text
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.argocd_tree import Node, Tree
from controlpanel.clients.errors import ClientError
from deployments.choices import Rollout
from deployments.models import Application, PromotionComponent
from deployments.steps.base import Context, Outcome, pause

ADVICE = {
    "ImagePullBackOff": "Check that the image exists in the registry under this digest and that the cluster may pull it. Push it and retry, or abort and promote a release whose image exists.",
    "CrashLoopBackOff": "Read the container's last log lines: a missing variable, a failed migration or a wrong command are the usual causes. Abort and promote a release that starts.",
    "CreateContainerConfigError": "A Secret or ConfigMap that the pod refers to is missing, or lacks a key. Create it, then retry.",
}
ADVICE["ErrImagePull"] = ADVICE["InvalidImageName"] = ADVICE["ImagePullBackOff"]


def stuck_pod(context: Context, argocd: ArgoCD, rollout: PromotionComponent, tree: Tree) -> Outcome:
    """A pod of the newest ReplicaSet that will not start by waiting."""
    pod = sorted(tree.stuck_pods(), key=lambda node: node.name)[0]
    workload = _workload(tree, pod)
    said = pod.message or _last_event(context, argocd, rollout, pod)
    title = f"{workload.kind} {workload.name}" if workload else rollout.title
    return pause(
        pod.reason, f"{title} does not start: Pod {pod.name} is in {pod.reason}.", effect=_effect(context, rollout),
        advice=ADVICE.get(pod.reason, "Look at the pod's events and logs, then retry or abort."), raw=said,
        application=rollout.application, kind=workload.kind if workload else pod.kind, namespace=pod.namespace,
        name=workload.name if workload else pod.name, pod=pod.name, reason=pod.reason,
    )  # fmt: skip


def failed_operation(context: Context, rollout: PromotionComponent, read: Read, reason: str) -> Outcome:
    """The operation itself failed: a manifest was refused, a hook failed, it was terminated."""
    left = read.unapplied()
    resource: dict[str, Any] = (
        {"kind": left[0].kind, "namespace": left[0].namespace, "name": left[0].name} if left else {}
    )
    return pause(
        "operation_failed", reason, effect=_effect(context, rollout), raw=read.operation_message, application=rollout.application,
        advice="Mend what the message names. Retry sends the sync again; a mended manifest needs a new release.",
        send_again=True, operation=str(read.operation_started_at or ""), **resource,
    )  # fmt: skip


def foreign_operation(context: Context, rollout: PromotionComponent, read: Read) -> Outcome:
    """Someone else's operation replaced ours before it was proved."""
    who = read.operation_initiated_by or ("automated sync" if read.operation_automated else "someone else")
    return pause(
        "foreign_operation", f"{who} started another sync of {rollout.application} before ours was proved.", effect="What is live is unknown.",
        advice="Ask them what it was for. Retry sends our sync again.", application=rollout.application, send_again=True,
        operation=str(read.operation_started_at or ""), raw=read.operation_message,
    )  # fmt: skip


def unhealthy(context: Context, rollout: PromotionComponent, read: Read) -> Outcome:
    """Degraded for longer than the grace time."""
    blocking = read.blocking_resource()
    resource: dict[str, Any] = {}
    if blocking is not None:
        resource = {"kind": blocking.kind, "namespace": blocking.namespace, "name": blocking.name}
    said = blocking.message if blocking else read.health_message
    title = f"{blocking.kind} {blocking.name}" if blocking else rollout.application
    return pause(
        "degraded", f"{rollout.application} is Degraded because of {title}.", effect=_effect(context, rollout), raw=said,
        advice="Look at the resource's events and logs. Retry watches it anew; abort leaves it as it is.", application=rollout.application, **resource,
    )  # fmt: skip


def timed_out(context: Context, rollout: PromotionComponent, seen: Application | None) -> Outcome:
    """Neither healthy nor failed by the component's deadline."""
    row = seen or Application.objects.filter(name=rollout.application).first()
    blocking = (row.blocking if row else None) or {}
    title = f": {blocking['kind']} {blocking['name']} {blocking['message']}".rstrip() if blocking else ""
    facts: dict[str, Any] = {key: blocking[key] for key in ("kind", "namespace", "name") if key in blocking}
    advice = "See what the resource waits for. Retry gives it the same time again."
    if row is not None and row.operation_marker == context.marker and row.operation_orphaned:
        advice = (
            "Argo CD's controller was lost while it ran our operation, and nobody runs it. Retry sends our sync again."
        )
        facts |= {"send_again": True, "operation": rollout.accepted_operation}
    return pause(
        "timed_out", f"{rollout.title} was not healthy after {rollout.deadline_seconds // 60} min{title}.", effect=_effect(context, rollout),
        advice=advice, application=rollout.application, raw=rollout.message, **facts,
    )  # fmt: skip


def _workload(tree: Tree, pod: Node) -> Node | None:
    """The top of the pod's owners: its Deployment, StatefulSet, DaemonSet or Job."""
    by_uid = {node.uid: node for node in tree.nodes if node.uid}
    node: Node | None = pod
    while node is not None and node.parents:
        node = next((by_uid[uid] for uid in node.parents if uid in by_uid), None)
    return node if node is not pod else None


def _last_event(context: Context, argocd: ArgoCD, rollout: PromotionComponent, pod: Node) -> str:
    """The pod's newest event text; without one the reason alone has to do."""
    try:
        context.guard()
        events = argocd.events(
            rollout.application, context.project, namespace=pod.namespace, name=pod.name, uid=pod.uid
        )
    except ClientError as error:
        return f"{pod.reason} (its events could not be read: {error.sentence})"
    told = sorted((event for event in events if text(event, "message")), key=_at)
    return message(told[-1]) if told else pod.reason


def _at(event: Json) -> datetime:
    """When it happened last: Kubernetes lists events by name, and counts one that happens again."""
    times = (moment(event, key) for key in ("lastTimestamp", "eventTime", "firstTimestamp"))
    return next(filter(None, times), datetime.min.replace(tzinfo=UTC))


def _effect(context: Context, rollout: PromotionComponent) -> str:
    """What the pause means for what is live."""
    rows = context.promotion.rollouts.filter(state=Rollout.DONE, is_changed=True)
    done = list(dict.fromkeys(rows.values_list("component", flat=True)))
    live = f" {', '.join(done)} already run{'s' if len(done) == 1 else ''} {context.promotion.title}." if done else ""
    return f"Pods of {rollout.title} from before keep serving; later waves have not started.{live}"
