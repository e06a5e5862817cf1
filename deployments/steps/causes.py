"""Why a rollout pauses, in the words of Argo CD and of the pod, with what it means and what usually helps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_json import Json, message, moment, text
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.argocd_models import Resource
from controlpanel.clients.argocd_tree import Node, Tree
from controlpanel.clients.errors import ClientError
from deployments.choices import Rollout
from deployments.models import Application, PromotionComponent
from deployments.selectors.rollouts import is_ready
from deployments.steps.base import Context, Outcome, pause
from deployments.steps.recognising import also, check, check_pods, recognised

ADVICE = {
    "ImagePullBackOff": "Check that the image exists in the registry under this digest and that the cluster may pull it. Push it and retry, or abort and promote a release whose image exists.",
    "CrashLoopBackOff": "Read the container's last log lines: a missing variable, a failed migration or a wrong command are the usual causes. Abort and promote a release that starts.",
    "CreateContainerConfigError": "A Secret or ConfigMap that the pod refers to is missing, or lacks a key. Create it, then retry.",
}
ADVICE["ErrImagePull"] = ADVICE["InvalidImageName"] = ADVICE["ImagePullBackOff"]
LOST = "Argo CD's controller was lost while it ran our operation, and nobody runs it. Retry sends our sync again."


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
        name=workload.name if workload else pod.name, pod=pod.name, reason=pod.reason, checked=_checked_pods(tree, pod, said),
    )  # fmt: skip


def failed_operation(context: Context, rollout: PromotionComponent, read: Read, reason: str) -> Outcome:
    """The operation itself failed: a manifest was refused, a hook failed, it was terminated."""
    known = recognised(read.operation_message, *(one.message for one in read.sync_result))
    left = read.unapplied()
    resource: dict[str, Any] = (
        {"kind": left[0].kind, "namespace": left[0].namespace, "name": left[0].name} if left else {}
    )
    return pause(
        known.cause if known else "operation_failed", reason + also(known), effect=_effect(context, rollout),
        raw=read.operation_message, application=rollout.application, checked=_checked_operation(read, left),
        advice=known.advice if known
        else "Mend what the message names. Retry sends the sync again; a mended manifest needs a new release.",
        send_again=True, operation=str(read.operation_started_at or ""), **resource,
    )  # fmt: skip


def foreign_operation(context: Context, rollout: PromotionComponent, read: Read) -> Outcome:
    """Someone else's operation replaced ours before it was proved."""
    who = read.operation_initiated_by or ("automated sync" if read.operation_automated else "someone else")
    return pause(
        "foreign_operation", f"{who} started another sync of {rollout.application} before ours was proved.", effect="What is live is unknown.",
        advice="Ask them what it was for. Retry sends our sync again.", application=rollout.application, send_again=True,
        operation=str(read.operation_started_at or ""), raw=read.operation_message,
        checked=[check("The last operation is ours", f"It was started by {who}.", is_fine=False)],
    )  # fmt: skip


def unhealthy(context: Context, rollout: PromotionComponent, read: Read) -> Outcome:
    """Degraded for longer than the grace time."""
    blocking = read.blocking_resource()
    resource: dict[str, Any] = {}
    if blocking is not None:
        resource = {"kind": blocking.kind, "namespace": blocking.namespace, "name": blocking.name}
    said = blocking.message if blocking else read.health_message
    title, known = f"{blocking.kind} {blocking.name}" if blocking else rollout.application, recognised(said)
    sick = [one for one in read.resources if one.health not in ("", "Healthy")]
    return pause(
        known.cause if known else "degraded", f"{rollout.application} is Degraded because of {title}.{also(known)}",
        effect=_effect(context, rollout), raw=said, application=rollout.application, **resource,
        advice=known.advice if known
        else "Look at the resource's events and logs. Retry watches it anew; abort leaves it as it is.",
        checked=[
            check("Its manifests are what Git holds", f"Argo CD says {read.sync_status or 'nothing'}.", is_fine=read.sync_status == "Synced"),
            check("Every resource is healthy", f"{', '.join(f'{one.kind} {one.name} is {one.health}' for one in sick[:3]) or 'All are'}.", is_fine=not sick),
        ],
    )  # fmt: skip


def timed_out(context: Context, rollout: PromotionComponent, seen: Application | None) -> Outcome:
    """Neither healthy nor failed by the component's deadline."""
    row = seen or Application.objects.filter(name=rollout.application).first()
    blocking = (row.blocking if row else None) or {}
    title = f": {blocking['kind']} {blocking['name']} {blocking['message']}".rstrip() if blocking else ""
    facts: dict[str, Any] = {key: blocking[key] for key in ("kind", "namespace", "name") if key in blocking}
    waiting = [pod for pod in (row.pods if row else []) if pod["is_new"] and not is_ready(pod)]
    known = recognised(rollout.message, blocking.get("message", ""), *(pod["message"] or "" for pod in waiting))
    advice = known.advice if known else "See what the resource waits for. Retry gives it the same time again."
    if row is not None and row.operation_marker == context.marker and row.operation_orphaned:
        known, advice = None, LOST
        facts |= {"send_again": True, "operation": rollout.accepted_operation}
    return pause(
        known.cause if known else "timed_out",
        f"{rollout.title} was not healthy after {rollout.deadline_seconds // 60} min{title}.{also(known)}",
        effect=_effect(context, rollout), advice=advice, application=rollout.application, raw=rollout.message, **facts,
        checked=_checked_time(row, rollout),
    )  # fmt: skip


def _checked_pods(tree: Tree, pod: Node, said: str) -> list[dict[str, Any]]:
    """The Pod, its neighbours of the same rollout, and those from before."""
    newest = tree.newest_pods()
    names = {one.name for one in newest}
    old = [one for one in tree.pods() if one.name not in names and not one.is_over]
    others = [one for one in newest if one.name != pod.name]
    ready = sum(one.is_ready for one in others)
    beside = check("Its other new Pods start", f"{ready} of {len(others)} ready.", is_fine=ready == len(others))
    return [
        check("The Pod starts", f"{pod.name}: {said}", is_fine=False),
        *([beside] if others else []),
        check_pods((sum(one.is_ready for one in old), len(old))),
    ]


def _checked_operation(read: Read, left: Sequence[Resource]) -> list[dict[str, Any]]:
    names = ", ".join(f"{one.kind} {one.name}" for one in left[:5]) or f"All {len(read.sync_result)} of them."
    return [
        check("Argo CD's operation succeeded", f"It is {read.operation_phase or 'unknown'}.", is_fine=False),
        check("Every resource was applied", names, is_fine=not left),
    ]


def _checked_time(row: Application | None, rollout: PromotionComponent) -> list[dict[str, Any]]:
    """What was last observed: whether Argo CD still tells, whether the manifests are there, which pods serve."""
    if row is None:
        return [check("Argo CD shows the Application", f"{rollout.application} was not seen.", is_fine=False)]
    new, old = [pod for pod in row.pods if pod["is_new"]], [pod for pod in row.pods if not pod["is_new"]]
    ready = sum(map(is_ready, new))
    return [
        check("Argo CD tells of the Application", "It is silent." if row.is_silent else "It is heard.", is_fine=not row.is_silent),
        check("Its manifests are what Git holds", f"Argo CD says {row.sync or 'nothing'}.", is_fine=row.sync == "Synced"),
        *([check("Its new Pods are ready", f"{ready} of {len(new)}.", is_fine=ready == len(new))] if new else []),
        *([check_pods((sum(map(is_ready, old)), len(old)))] if old else []),
    ]  # fmt: skip


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
