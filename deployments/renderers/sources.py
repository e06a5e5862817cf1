"""Reads the kustomizations that an overlay leads to, before any tool does, and refuses what could reach outside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from controlpanel.catalog.errors import CatalogError
from controlpanel.catalog.yaml_source import Source, read

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MAXIMUM_FOLDERS = 200

_REMOTE = re.compile(
    r"://|^git@|^git::|\?ref=|[?&]version=|^(?:www\.)?(?:github|gitlab|bitbucket)\.[a-z]+[/:]|^[^/]+@[^/]+:"
)
_FIELDS = frozenset(
    """apiVersion kind metadata resources bases components crds configurations openapi namespace namePrefix nameSuffix
    labels commonLabels commonAnnotations images replicas patches patchesStrategicMerge patchesJson6902 replacements vars
    configMapGenerator generatorOptions buildMetadata sortOptions""".split()
)
_REFUSED = {
    "helmCharts": "Commit the chart's rendered manifests, or use the helm renderer once there is one.",
    "helmChartInflationGenerator": "Commit the chart's rendered manifests.",
    "helmGlobals": "Commit the chart's rendered manifests.",
    "generators": "Commit what the generator makes; plugins are not run.",
    "transformers": "Use the kustomization's own fields; plugins are not run.",
    "validators": "Check the manifests before they are committed; plugins are not run.",
    "secretGenerator": "Name the secret in an ExternalSecret or SealedSecret; values do not belong in Git.",
}


class SourceRefused(Exception):
    """A source that is not rendered: the message names file and line, the remedy says what to write instead."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}")


def check_overlay(root: Path, overlay: str) -> None:
    """Follow an overlay (folder below `root`) through all it names; raises SourceRefused for what may not be rendered."""
    real_root = root.resolve()
    pending, seen = [_inside(real_root, real_root, overlay, overlay)], set[Path]()
    while pending:
        folder = pending.pop()
        if folder in seen:
            continue
        seen.add(folder)
        if len(seen) > MAXIMUM_FOLDERS:
            raise SourceRefused(f"{overlay} leads to more than {MAXIMUM_FOLDERS} folders.", "Bring them together.")
        pending += _folders_of(real_root, folder)


def _folders_of(root: Path, folder: Path) -> Iterator[Path]:
    """Folders that a kustomization names; all other places that it names are checked on the way."""
    source = _kustomization(root, folder)
    for field in source.data:
        if field not in _FIELDS:
            cause = f"{source.file}:{source.line((field,))}: “{field}” is not allowed in a kustomization."
            raise SourceRefused(cause, _REFUSED.get(field, "Remove it."))
    for path, place in _places(source.data):
        target = _inside(root, folder, place, f"{source.file}:{source.line(path)}")
        if target.is_dir():
            yield target


def _kustomization(root: Path, folder: Path) -> Source:
    shown = folder.relative_to(root)
    present = [name for name in FILE_NAMES if (folder / name).exists()]
    if len(present) != 1:
        found = "no kustomization" if not present else f"more than one kustomization ({', '.join(present)})"
        raise SourceRefused(f"{shown} has {found}.", "Keep one kustomization.yaml in the folder.")
    file = _inside(root, folder, present[0], str(shown))
    try:
        source = read(file.read_text("utf-8"), filename=str(shown / present[0]))
    except CatalogError as error:
        problem = error.problems[0]
        raise SourceRefused(f"{problem.file}:{problem.line}: {problem.cause}", problem.remedy) from error
    except UnicodeDecodeError as error:
        raise SourceRefused(f"{shown / present[0]} is not UTF-8.", "Save it as UTF-8.") from error
    if not isinstance(source.data, Mapping):
        raise SourceRefused(f"{source.file}:1: The kustomization is not a mapping.", "Write fields such as resources.")
    return source


def _places(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every place that a kustomization names, with its path in the document."""
    for field in ("resources", "bases", "components", "crds", "configurations"):
        yield from (((field, index), str(entry)) for index, entry in _entries(data, field))
    for index, entry in _entries(data, "patchesStrategicMerge"):
        if isinstance(entry, str) and "\n" not in entry:
            yield ("patchesStrategicMerge", index), entry
    for field in ("patches", "patchesJson6902", "replacements"):
        for index, entry in _entries(data, field):
            if isinstance(entry, Mapping) and entry.get("path"):
                yield (field, index, "path"), str(entry["path"])
    for index, entry in _entries(data, "configMapGenerator"):
        yield from ((("configMapGenerator", index), place) for place in _generator_places(entry))
    openapi = data.get("openapi")
    if isinstance(openapi, Mapping) and openapi.get("path"):
        yield ("openapi", "path"), str(openapi["path"])


def _entries(data: Mapping[str, Any], field: str) -> Iterator[tuple[int, Any]]:
    value = data.get(field)
    return enumerate(value if isinstance(value, list) else [] if value is None else [value])


def _generator_places(entry: Any) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        return
    for item in entry.get("files") or ():
        yield str(item).partition("=")[2] or str(item)
    yield from (str(item) for item in entry.get("envs") or ())
    if entry.get("env"):
        yield str(entry["env"])


def _inside(root: Path, folder: Path, place: str, where: str) -> Path:
    """The file or folder that a place means, if it is in the tree; links are followed and must stay there too."""
    if _REMOTE.search(place):
        raise SourceRefused(f"{where}: “{place}” is a remote address.", "Commit a copy and name its folder.")
    if place.startswith("/"):
        raise SourceRefused(f"{where}: “{place}” leaves the repository.", "Name a path inside of it.")
    try:
        target = (folder / place).resolve()
        if not target.is_relative_to(root):
            raise SourceRefused(f"{where}: “{place}” leaves the repository.", "Name a path inside of it.")
        target.lstat()
    except FileNotFoundError as error:
        message = f"{where}: “{place}” is not in the repository at this commit."
        raise SourceRefused(message, "Add it, or correct the path.") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceRefused(f"{where}: “{place}” cannot be followed.", "Name a plain path without loops.") from error
    if not (target.is_dir() or target.is_file()):
        raise SourceRefused(f"{where}: “{place}” is neither a file nor a folder.", "Remove it.")
    return target
