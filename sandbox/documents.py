"""Typed reading of JSON-like objects: `Document` is a JSON object, and a few ways to look into one safely."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Document = dict[str, Any]


def look(document: Mapping[str, Any] | None, *path: str, default: Any = None) -> Any:
    """The value below these keys, or `default` where a key is missing or null on the way."""
    value: Any = document
    for key in path:
        if not isinstance(value, dict):  # of a dict itself: this is asked a thousand times for each rollout
            return default
        value = value.get(key)
        if value is None:
            return default
    return value


def without_empty(document: Mapping[str, Any], keep: Iterable[str] = ()) -> Document:
    """The document without zero values at its top level, as Go's `omitempty` writes it."""
    kept = set(keep)
    return {key: value for key, value in document.items() if key in kept or value not in (None, "", False, 0, [], {})}


def canonical(value: Any) -> str:
    """Compact JSON with sorted keys: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def copied(value: Any) -> Any:
    """A deep copy of plain JSON data; much faster than `copy.deepcopy`."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value
