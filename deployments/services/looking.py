"""What a worker looks up in Argo CD for the page of an Application. Nothing that is returned holds a secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from controlpanel.catalog import connections
from controlpanel.catalog.yaml_text import canonical
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_json import Json, mapping, text
from controlpanel.clients.errors import ClientError
from controlpanel.core.errors import AbsentError
from deployments.models import Application
from deployments.renderers.difference import compared, fitting, shown, shown_line
from deployments.renderers.redaction import without_secrets
from deployments.services.looking_live import (
    containers_of,
    event_of,
    hand_of,
    object_of,
    of_people,
    outline,
    said,
    settled,
)

LINES = 200
"""Lines of a log that are read."""
MOST_EVENTS = 100
MOST_DIFFERENCES = 40
Facts = dict[str, Any]


def tree(name: str, _: Mapping[str, Any]) -> Facts:
    """The Application's resources with sync, health and age, outlined for a page."""
    argocd, row = _of(name)
    application = argocd.get_application(name, row.environment.project)
    found = argocd.resource_tree(name, row.environment.project)
    nodes, left_out = outline(found, application)
    return {
        "nodes": nodes, "left_out": left_out, "sync": application.sync_status, "health": application.health_status,
        "operation": application.operation_phase, "operation_message": said(application.operation_message, 2000),
        "address": f"{argocd.server}/applications/{quote(application.namespace or 'argocd', safe='')}/{quote(name, safe='')}",
        "operation_by": application.operation_initiated_by, "automated": application.automated,
        "self_heal": _heals_itself(application.spec),
        "operation_finished_at": application.operation_finished_at and application.operation_finished_at.isoformat(),
        "conditions": [{"type": one.type, "message": said(one.message, 2000)} for one in application.conditions],
    }  # fmt: skip


def differences(name: str, _: Mapping[str, Any]) -> Facts:
    """Every managed resource whose live state is not the desired one, as a diff from live to desired."""
    argocd, row = _of(name)
    items = argocd.managed_resources(name, row.environment.project)
    found = [change for item in items if (change := _difference(row.component, item)) is not None]
    return {"changes": fitting(found[:MOST_DIFFERENCES]), "count": len(found), "managed": len(items)}


def resource(name: str, parameters: Mapping[str, Any]) -> Facts:
    """One object: its live manifest, its containers, and how it differs from what Git wants of it."""
    argocd, row = _of(name)
    project, key = row.environment.project, _key(parameters)
    items = argocd.managed_resources(name, project, kind=key["kind"], resource=key["name"])
    managed = next((item for item in items if _is_it(item, key)), None)
    live, why = _live(argocd, row, key, parameters)
    return {
        "manifest": shown(canonical(of_people(live))) if live else "", "why_not": why, "containers": containers_of(live or {}),
        "change": _difference(row.component, managed) if managed else None, "is_managed": managed is not None,
        "hand": hand_of(live or {}),
    }  # fmt: skip


def events(name: str, parameters: Mapping[str, Any]) -> Facts:
    """Kubernetes events of one object, or of the Application itself, newest first."""
    uid, named = str(parameters.get("uid", "")), str(parameters.get("name", ""))
    if named and not uid:
        return {"events": [], "count": 0}  # what is missing has none; without a uid they would be the Application's
    argocd, row = _of(name)
    place = {"namespace": str(parameters.get("namespace", "")), "name": named, "uid": uid} if uid else {}
    found = argocd.events(name, row.environment.project, **place)
    told = sorted((event_of(item) for item in found), key=lambda event: event["at"] or "")[::-1]
    return {"events": told[:MOST_EVENTS], "count": len(told)}


def log_lines(name: str, parameters: Mapping[str, Any]) -> Facts:
    """The last lines of one container, or of it before its last restart, with what looks like a secret hidden."""
    argocd, row = _of(name)
    found = argocd.logs(
        name, row.environment.project, pod=str(parameters["name"]), namespace=str(parameters["namespace"]),
        container=str(parameters.get("container", "")), previous=bool(parameters.get("previous")), lines=LINES,
    )  # fmt: skip
    return {"lines": [shown_line(without_secrets(line)) for line in found[-LINES:]]}


def _of(name: str) -> tuple[ArgoCD, Application]:
    row = Application.objects.select_related("environment").filter(name=name).first()
    if row is None:
        raise AbsentError(f"There is no Application {name}.", "See the list of Applications.")
    return connections.argocd_for(row.environment), row


def _heals_itself(spec: Json) -> bool:
    return mapping(mapping(spec, "syncPolicy"), "automated").get("selfHeal") is True


def _key(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {part: str(parameters.get(part, "")) for part in ("group", "version", "kind", "namespace", "name")}


def _is_it(item: Json, key: Mapping[str, str]) -> bool:
    return all(text(item, part) == key[part] for part in ("group", "kind", "namespace", "name"))


def _live(
    argocd: ArgoCD, row: Application, key: Mapping[str, str], parameters: Mapping[str, Any]
) -> tuple[Json | None, str]:
    """The object as it is, or why it cannot be shown; a missing one is not asked for."""
    if not parameters.get("uid"):
        return None, "It is not in the cluster."
    place = {part: key[part] for part in ("group", "version", "kind", "namespace")}
    try:
        return argocd.resource(row.name, row.environment.project, **place, resource=key["name"]), ""
    except ClientError as error:
        return None, error.sentence


def _difference(component: str, item: Json) -> Facts | None:
    """The change that would bring live to desired, None where they agree; `hand` is who wrote to it last."""
    live, desired = object_of(item, "liveState"), object_of(item, "targetState")
    if live and desired and item.get("modified") is not True:
        return None
    before = settled(object_of(item, "normalizedLiveState") or live) if live else None
    after = settled(object_of(item, "predictedLiveState") or desired) if desired else None
    sides = [canonical(side) if side else None for side in (before, after)]
    added, removed, diff = compared(*sides)
    if live and desired and not added and not removed:
        return None
    return {
        "component": component, "kind": text(item, "kind"), "namespace": text(item, "namespace"), "name": text(item, "name"),
        "group": text(item, "group"), "change": "changed" if live and desired else "missing" if desired else "extra",
        "added": added, "removed": removed, "diff": diff, "hand": hand_of(live or {}),
    }  # fmt: skip
