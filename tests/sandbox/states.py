"""The order of states: two writers work on an Application, so each has a track of its own; equal neighbours are one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Track = list[tuple[Any, ...]]


def _once(rows: Iterable[tuple[Any, ...]]) -> Track:
    track: Track = []
    for row in rows:
        if not track or track[-1] != row:
            track.append(row)
    return track


def state(event: dict[str, Any]) -> dict[str, Any]:
    """What a stream's message says: a whole Application, or the recording's summary of one."""
    found = event.get("summary")
    if found is None:
        result = event.get("json", event)["result"] if "json" in event else event
        application = result["application"]
        status = application["status"]
        found = {
            "name": application["metadata"]["name"],
            "operation": application.get("operation"),
            "operationState": status.get("operationState"),
            "sync": status["sync"],
            "health": status["health"],
        }
        return {"type": result["type"], **found}
    return {"type": event["type"], **found}


def operations(states: list[dict[str, Any]], names: dict[str, str]) -> Track:
    """The operation's track: is it there, which phase, which message."""
    rows = []
    for item in states:
        run = item["operationState"] or {}
        message = (run.get("message") or "").partition(": ")[0]
        rows.append((item["operation"] is not None, run.get("phase"), message))
    return _once(rows)


def _without_passing(track: Track) -> Track:
    """Without what is OutOfSync on the way to Synced: whether a comparison falls between two objects of an apply is chance."""
    synced = max((place for place, row in enumerate(track) if row[0] == "Synced"), default=-1)
    return _once(
        row for place, row in enumerate(track) if row[0] != "OutOfSync" or (place > synced and row[2] == "Progressing")
    )


def comparisons(states: list[dict[str, Any]], names: dict[str, str]) -> Track:
    """The comparison's track: sync, revision, health."""
    rows = []
    for item in states:
        revision = item["sync"].get("revision") or ""
        rows.append((item["sync"].get("status"), names.get(revision, revision), item["health"].get("status")))
    return _without_passing(_once(rows))
