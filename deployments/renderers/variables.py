"""Where required variables stand in rendered manifests: set to a value, or referenced from a Secret or ConfigMap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

SET, REFERENCED = "set", "referenced"


def standing(files: Mapping[str, bytes]) -> dict[str, str]:
    """Key -> `set` or `referenced` for every variable that any manifest names."""
    found: dict[str, str] = {}
    for content in files.values():
        for key, state in _in_object(yaml.load(content, Loader=yaml.CSafeLoader)):
            found[key] = SET if SET in (state, found.get(key)) else REFERENCED
    return found


def _in_object(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if manifest.get("kind") == "ConfigMap":
        yield from ((key, SET) for key in manifest.get("data") or {})
    if manifest.get("kind") == "ExternalSecret":
        entries = (manifest.get("spec") or {}).get("data") or []
        yield from ((str(entry.get("secretKey")), REFERENCED) for entry in entries)
    yield from _in_containers(manifest)


def _in_containers(node: Any) -> Iterator[tuple[str, str]]:
    """Every `env` list below the object, wherever its pod template is."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "env" and isinstance(value, list):
                yield from (
                    (str(one.get("name")), SET if one.get("value") else REFERENCED)
                    for one in value
                    if isinstance(one, dict)
                )
            else:
                yield from _in_containers(value)
    elif isinstance(node, list):
        for value in node:
            yield from _in_containers(value)
