"""Where required variables stand in rendered manifests: set to a value, or referenced from a Secret or ConfigMap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


_Maps = Mapping[tuple[str, str], Mapping[str, Any]]

NOWHERE = Standing(MISSING, "")


def standing(files: Mapping[str, bytes]) -> dict[str, Standing]:
    """Key -> where it stands, for every variable that any manifest gives; a value counts for more than a reference.

    A variable that is there and empty is missing, and so is what a ConfigMap among them does not hold or a reference
    leaves open; files that cannot be read (another writer's) give none.
    """
    return _standing([(path, manifest) for path in sorted(files) for manifest in _manifests(files[path])])


def standing_of(objects: Mapping[str, Mapping[str, Any]]) -> dict[str, Standing]:
    """The same for objects that were read before, by their paths."""
    return _standing([(path, objects[path]) for path in sorted(objects)])


def _standing(manifests: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Standing]:
    maps = {_place(one): _mapping(one.get("data")) for _, one in manifests if one.get("kind") == "ConfigMap"}
    return _best((path, found) for path, one in manifests for found in _in_object(one, maps))


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


def _manifests(content: bytes) -> list[dict[str, Any]]:
    try:
        return objects_of(content)
    except ObjectRefused:
        return []


def _in_object(manifest: Mapping[str, Any], maps: _Maps) -> Iterator[tuple[str, str]]:
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
    namespace, _ = _place(manifest)
    for entry in _env_entries(manifest):
        if state := _state(entry, namespace, maps):
            yield str(entry.get("name")), state


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


def _state(entry: Mapping[str, Any], namespace: str, maps: _Maps) -> str | None:
    if entry.get("value"):
        return SET
    source = _mapping(entry.get("valueFrom"))
    reference = _mapping(source.get("configMapKeyRef"))
    held = maps.get((namespace, str(reference.get("name"))))
    if held is not None and reference:
        return SET if held.get(str(reference.get("key"))) else None
    may_lack = reference.get("optional") or _mapping(source.get("secretKeyRef")).get("optional")
    return REFERENCED if source and not may_lack else None


def _place(manifest: Mapping[str, Any]) -> tuple[str, str]:
    metadata = _mapping(manifest.get("metadata"))
    return str(metadata.get("namespace") or ""), str(metadata.get("name"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _entries(value: Any) -> Iterator[Mapping[str, Any]]:
    return (entry for entry in (value if isinstance(value, list) else ()) if isinstance(entry, Mapping))
