"""Where required variables stand in rendered manifests: set to a value, or referenced from a Secret or ConfigMap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.renderers.objects import ObjectRefused, objects_of

SET, REFERENCED, MISSING = "set", "referenced", "missing"
_BEST = (SET, REFERENCED, MISSING)


@dataclass(frozen=True)
class Standing:
    """`state` is set, referenced or missing; `where` is the file that says so, "" for none."""

    state: str
    where: str


NOWHERE = Standing(MISSING, "")


def standing(files: Mapping[str, bytes]) -> dict[str, Standing]:
    """Key -> where it stands, for every variable that any manifest gives; a value counts for more than a reference.

    A variable that is there and empty is missing; files that cannot be read (another writer's) give none.
    """
    return _best((path, found) for path in sorted(files) for found in _in_file(files[path]))


def standing_of(objects: Mapping[str, Mapping[str, Any]]) -> dict[str, Standing]:
    """The same for objects that were read before, by their paths."""
    return _best((path, found) for path in sorted(objects) for found in _in_object(objects[path]))


def _best(places: Iterable[tuple[str, tuple[str, str]]]) -> dict[str, Standing]:
    found: dict[str, Standing] = {}
    for path, (key, state) in places:
        if _BEST.index(state) < _BEST.index(found.get(key, NOWHERE).state):
            found[key] = Standing(state, path)
    return found


def values(files: Mapping[str, bytes]) -> dict[str, str]:
    """Key → the plain value that the same manifests give, without those that a reference alone gives."""
    found: dict[str, str] = {}
    for path in sorted(files):
        for manifest in _manifests(files[path]):
            for key, value in _plain(manifest):
                found.setdefault(key, value)
    return found


def _plain(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if manifest.get("kind") == "ConfigMap":
        yield from ((key, str(value)) for key, value in _mapping(manifest.get("data")).items() if value)
    for entry in _env_entries(manifest):
        if entry.get("value"):
            yield str(entry.get("name")), str(entry["value"])


def _in_file(content: bytes) -> Iterator[tuple[str, str]]:
    for manifest in _manifests(content):
        yield from _in_object(manifest)


def _manifests(content: bytes) -> list[dict[str, Any]]:
    try:
        return objects_of(content)
    except ObjectRefused:
        return []


def _in_object(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind, spec = manifest.get("kind"), manifest.get("spec")
    if kind == "ConfigMap":
        yield from ((key, SET) for key, value in _mapping(manifest.get("data")).items() if value)
    elif kind == "ExternalSecret":
        for entry in _entries(_mapping(spec).get("data")):
            yield str(entry.get("secretKey")), REFERENCED
        template = _mapping(_mapping(_mapping(spec).get("target")).get("template"))
        yield from ((key, REFERENCED) for key in _mapping(template.get("data")))
    elif kind == "SealedSecret":
        yield from ((key, REFERENCED) for key in _mapping(_mapping(spec).get("encryptedData")))
    yield from filter(None, map(_variable, _env_entries(manifest)))


def _env_entries(node: Any) -> Iterator[Mapping[str, Any]]:
    """The entries of every `env` list below the object, wherever its pod template is."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "env" and isinstance(value, list):
                yield from _entries(value)
            else:
                yield from _env_entries(value)
    elif isinstance(node, list):
        for value in node:
            yield from _env_entries(value)


def _variable(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    name = str(entry.get("name"))
    if entry.get("value"):
        return name, SET
    return (name, REFERENCED) if entry.get("valueFrom") else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    return (entry for entry in (value if isinstance(value, list) else ()) if isinstance(entry, Mapping))
