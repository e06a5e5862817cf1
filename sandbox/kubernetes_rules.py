"""What the API server demands of objects whose fields are all known: required values, selectors, names, what never changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from sandbox.documents import Document, look

Cause = tuple[str, str, str]
"""Reason, message, field."""
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character"
)
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


def causes(manifest: Document, live: Document | None) -> list[Cause]:
    """Why the object is refused; empty when it is not."""
    found = list(_name(manifest))
    if manifest["kind"] in WORKLOADS:
        found += _workload(manifest, live)
    if manifest["kind"] in ("Job", "CronJob"):
        path = "spec.template" if manifest["kind"] == "Job" else "spec.jobTemplate.spec.template"
        found += _pod(look(manifest, *path.split("."), default={}), path)
    if manifest["kind"] == "Pod":
        found += _pod(manifest, "")
    if manifest["kind"] == "Service" and not look(manifest, "spec", "ports"):
        found.append(("FieldValueRequired", "Required value", "spec.ports"))
    return found


def _name(manifest: Document) -> Iterator[Cause]:
    name = look(manifest, "metadata", "name", default="")
    if not NAME.fullmatch(name) or len(name) > 253:
        yield "FieldValueInvalid", f"Invalid value: {json.dumps(name)}: {NAME_WORDS}", "metadata.name"


def _workload(manifest: Document, live: Document | None) -> Iterator[Cause]:
    spec = manifest.get("spec") or {}
    replicas, selector = spec.get("replicas"), spec.get("selector")
    if isinstance(replicas, int) and replicas < 0:
        yield "FieldValueInvalid", f"Invalid value: {replicas}: must be greater than or equal to 0", "spec.replicas"
    labels = look(spec, "template", "metadata", "labels", default={})
    if not selector:
        yield "FieldValueRequired", "Required value", "spec.selector"
    elif any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        shown = json.dumps(labels, separators=(",", ":"), sort_keys=True)
        text = f"Invalid value: {shown}: `selector` does not match template `labels`"
        yield "FieldValueInvalid", text, "spec.template.metadata.labels"
    yield from _pod(spec.get("template") or {}, "spec.template")
    before = look(live, "spec", "selector")
    if before is not None and selector and before != selector:
        shown = json.dumps(selector, separators=(",", ":"), sort_keys=True)
        yield "FieldValueInvalid", f"Invalid value: {shown}: field is immutable", "spec.selector"


def _pod(template: Document, path: str) -> Iterator[Cause]:
    inside = f"{path}.spec.containers".removeprefix(".")
    containers = look(template, "spec", "containers", default=[])
    if not containers:
        yield "FieldValueRequired", "Required value", inside
    for place, container in enumerate(containers):
        for field in ("name", "image"):
            if not container.get(field):
                yield "FieldValueRequired", "Required value", f"{inside}[{place}].{field}"
