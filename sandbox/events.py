"""Kubernetes events about objects, as Argo CD passes them on."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from sandbox.documents import Document

if TYPE_CHECKING:
    from sandbox.cluster import Cluster
    from sandbox.store import Store

KEPT = 30
"""Events kept of one object; older ones go."""


def record_event(
    cluster: Cluster, manifest: Document, reason: str, message: str, component: str, kind: str = "Normal"
) -> None:
    """Record what happened to a live object; the same again counts up."""
    involved = {"kind": manifest["kind"], "apiVersion": manifest["apiVersion"]} | {
        key: manifest["metadata"][key] for key in ("namespace", "name", "uid", "resourceVersion")
        if manifest["metadata"].get(key)
    }  # fmt: skip
    add_event(cluster.store, involved, cluster.clock.stamp(), reason, message, component, kind)


def add_event(
    store: Store, involved: Document, now: str, reason: str, message: str, component: str, kind: str = "Normal",
    annotations: Document | None = None,
) -> None:  # fmt: skip
    """Record an event about the object that `involved` refers to; `now` in whole seconds."""
    held = store.get("event", involved["uid"]) or {"items": []}
    last = held["items"][-1] if held["items"] else None
    if last and (last["reason"], last["message"]) == (reason, message):
        last |= {"count": last.get("count", 1) + 1, "lastTimestamp": now}
    else:
        held["items"].append(_event(store, involved, now, reason, message, component, kind, annotations))
    held["items"] = held["items"][-KEPT:]
    store.put("event", involved["uid"], held)


def _event(
    store: Store, involved: Document, now: str, reason: str, message: str, component: str, kind: str,
    annotations: Document | None,
) -> Document:  # fmt: skip
    metadata: Document = {
        "name": f"{involved['name']}.{time.time_ns():x}", "namespace": involved.get("namespace", "default"),
        "uid": str(uuid.uuid4()), "resourceVersion": store.next_version(), "creationTimestamp": now,
    }  # fmt: skip
    if annotations:
        metadata["annotations"] = annotations
    event: Document = {
        "metadata": metadata, "involvedObject": involved, "reason": reason, "message": message,
        "source": {"component": component}, "firstTimestamp": now, "lastTimestamp": now, "count": 1, "type": kind,
        "eventTime": None,
    }  # fmt: skip
    if involved["kind"] != "Application":
        event["reportingComponent"] = component
    if component == "default-scheduler":  # speaks the newer events API
        del event["count"]
        event |= {"source": {}, "firstTimestamp": None, "lastTimestamp": None, "eventTime": f"{now[:-1]}.000000Z",
                  "action": "Binding", "reportingInstance": f"{component}-0"}  # fmt: skip
    return event


def events_about(store: Store, uid: str) -> list[Document]:
    """The events about one object, oldest first."""
    held = store.get("event", uid)
    return list(held["items"]) if held else []
