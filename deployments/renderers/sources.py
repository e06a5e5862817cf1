"""Reads the kustomizations that an overlay leads to, before any tool does, and refuses what could reach outside."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controlpanel.catalog.errors import CatalogError
from controlpanel.catalog.yaml_source import Source, read
from deployments.renderers import yaml_guard
from deployments.renderers.charts import check_chart, check_values
from deployments.renderers.tree import SourceRefused, content_of, inside, plain_folder, require_plain, text_of

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MAXIMUM_FOLDERS = 200

_FIELDS = frozenset(
    """apiVersion kind metadata resources bases components crds configurations openapi namespace namePrefix nameSuffix
    labels commonLabels commonAnnotations images replicas patches patchesStrategicMerge patchesJson6902 replacements vars
    configMapGenerator generatorOptions buildMetadata sortOptions helmCharts helmGlobals""".split()
)
_REFUSED = {
    "helmChartInflationGenerator": "List a chart of the repository under helmCharts.",
    "generators": "Commit what the generator makes; plugins are not run.",
    "transformers": "Use the kustomization's own fields; plugins are not run.",
    "validators": "Check the manifests before they are committed; plugins are not run.",
    "secretGenerator": "Name the secret in an ExternalSecret or SealedSecret; values do not belong in Git.",
}
_CHART_FIELDS = frozenset(
    """name releaseName namespace includeCRDs valuesFile valuesInline valuesMerge additionalValuesFiles apiVersions
    skipHooks skipTests""".split()
)
_REFUSED_IN_CHARTS = {
    "repo": "Unpack the chart into a folder of the repository, which chartHome names, and commit it.",
    "version": "The committed chart has one version; remove the field.",
    "kubeVersion": "Write kubernetesVersion into the environment in platform.yaml.",
    "nameTemplate": "Write the releaseName.",
}
_WORD = re.compile(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?\Z")
_API_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,200}\Z")
_YAML_FILES = (".yaml", ".yml", ".json")
_Step = tuple[str | int, ...]


@dataclass
class Closure:
    """What an overlay leads to: the folders of its kustomizations, other files and charts; all below the root."""

    folders: set[Path] = field(default_factory=set)
    files: set[Path] = field(default_factory=set)
    charts: set[Path] = field(default_factory=set)
    has_links: bool = False

    def reads(self, root: Path) -> frozenset[str]:
        """Paths that decide what the overlay gives; a link may lie anywhere, so that the whole tree decides then."""
        if self.has_links:
            return frozenset({"."})
        trees = self.folders | self.charts
        alone = {path for path in self.files | trees if not any(parent in trees for parent in path.parents)}
        return frozenset(str(path.relative_to(root)) for path in alone)

    def found(self, folder: Path, place: str, target: Path) -> Path:
        """Note whether a place was reached by a link; returns the target."""
        self.has_links |= Path(os.path.normpath(folder / place)) != target
        return target


def check_overlay(root: Path, overlay: str) -> Closure:
    """Follow an overlay (folder below `root`) through all it names; raises SourceRefused for what may not be rendered."""
    real_root, closure = root.resolve(), Closure()
    pending = [closure.found(real_root, overlay, inside(real_root, real_root, overlay, overlay))]
    while pending:
        folder = pending.pop()
        if folder in closure.folders:
            continue
        closure.folders.add(folder)
        if len(closure.folders) > MAXIMUM_FOLDERS:
            raise SourceRefused(f"{overlay} leads to more than {MAXIMUM_FOLDERS} folders.", "Bring them together.")
        pending += _folders_of(real_root, folder, closure)
    return closure


def _folders_of(root: Path, folder: Path, closure: Closure) -> Iterator[Path]:
    """Folders that a kustomization names; all other places that it names are checked on the way."""
    source = _kustomization(root, folder, closure)
    for key in source.data:
        if key not in _FIELDS:
            cause = f"{source.file}:{source.line((key,))}: “{key}” is not allowed in a kustomization."
            raise SourceRefused(cause, _REFUSED.get(key, "Remove it."))
    for path, place in _places(source.data):
        target = closure.found(folder, place, inside(root, folder, place, _where(source, path)))
        if target.is_dir():
            yield target
        elif target not in closure.files:
            closure.files.add(target)
            _check_file(root, target, is_data=path[0] == "configMapGenerator")
    _check_patches(source)
    _check_charts(root, folder, source, closure)


def _kustomization(root: Path, folder: Path, closure: Closure) -> Source:
    shown = folder.relative_to(root)
    present = [name for name in FILE_NAMES if (folder / name).exists()]
    if len(present) != 1:
        found = "no kustomization" if not present else f"more than one kustomization ({', '.join(present)})"
        raise SourceRefused(f"{shown} has {found}.", "Keep one kustomization.yaml in the folder.")
    file = closure.found(folder, present[0], inside(root, folder, present[0], str(shown)))
    try:
        source = read(text_of(content_of(root, file), str(shown / present[0])), filename=str(shown / present[0]))
    except CatalogError as error:
        problem = error.problems[0]
        raise SourceRefused(f"{problem.file}:{problem.line}: {problem.cause}", problem.remedy) from error
    if not isinstance(source.data, Mapping):
        raise SourceRefused(f"{source.file}:1: The kustomization is not a mapping.", "Write fields such as resources.")
    return source


def _where(source: Source, path: _Step) -> str:
    return f"{source.file}:{source.line(path)}"


def _check_file(root: Path, file: Path, *, is_data: bool) -> None:
    """A file for a ConfigMap may hold anything of a bounded size; every other one is guarded before a tool reads it."""
    content = content_of(root, file)
    if not is_data and file.suffix in _YAML_FILES:
        yaml_guard.read(content, str(file.relative_to(root)), strict=False)


def _check_patches(source: Source) -> None:
    """Patches that are written into the kustomization are YAML inside of YAML."""
    for key in ("patches", "patchesJson6902", "patchesStrategicMerge"):
        for index, entry in _entries(source.data, key):
            text = entry.get("patch") if isinstance(entry, Mapping) else entry
            if isinstance(text, str) and "\n" in text:
                yaml_guard.read(text.encode(), f"{_where(source, (key, index))}: The patch", strict=False)


def _check_charts(root: Path, folder: Path, source: Source, closure: Closure) -> None:
    settings = source.data.get("helmGlobals") or {}
    home = settings.get("chartHome", "charts") if isinstance(settings, Mapping) else None
    if not isinstance(home, str) or set(settings) - {"chartHome"}:
        raise SourceRefused(
            f"{_where(source, ('helmGlobals',))}: helmGlobals is no chartHome.", "Write chartHome alone."
        )
    for index, entry in _entries(source.data, "helmCharts"):
        where = _where(source, ("helmCharts", index))
        _check_chart_fields(where, entry)
        chart = inside(root, folder, f"{home}/{entry['name']}", where)
        if chart != Path(os.path.normpath(folder / home / entry["name"])):
            raise SourceRefused(f"{where}: The chart is reached by a symbolic link.", "Name the folder itself.")
        check_chart(root, plain_folder(root, str(chart.relative_to(root)), where))
        closure.charts.add(chart)
        for place in (entry.get("valuesFile"), *(entry.get("additionalValuesFiles") or ())):
            if place is not None:
                values = closure.found(folder, str(place), inside(root, folder, str(place), where))
                for path in (folder, values):  # helm is given both, and links are followed before
                    require_plain(path.relative_to(root), where)
                check_values(root, values)
                closure.files.add(values)


def _check_chart_fields(where: str, entry: Any) -> None:
    """Every word becomes an argument of helm, so none may look like an option."""
    if not isinstance(entry, Mapping):
        raise SourceRefused(f"{where}: A chart is not a mapping.", "Write its name and values.")
    for key in entry:
        if key not in _CHART_FIELDS:
            remedy = _REFUSED_IN_CHARTS.get(key, "Remove it.")
            raise SourceRefused(
                f"{where}: “{key}” is not allowed for a chart: only charts of the repository are.", remedy
            )
    for key in ("name", "releaseName", "namespace"):
        if (key in entry or key == "name") and not _WORD.match(str(entry.get(key))):
            message = f"{where}: The {key} of a chart is “{entry.get(key)}”."
            raise SourceRefused(message, "Use small letters, digits and hyphens.")
    for version in entry.get("apiVersions") or ():
        if not _API_VERSION.match(str(version)):
            raise SourceRefused(f"{where}: “{version}” is no API version.", "Write one such as batch/v1.")


def _places(data: Mapping[str, Any]) -> Iterator[tuple[_Step, str]]:
    """Every place that a kustomization names, with its path in the document."""
    for key in ("resources", "bases", "components", "crds", "configurations"):
        yield from (((key, index), str(entry)) for index, entry in _entries(data, key))
    for index, entry in _entries(data, "patchesStrategicMerge"):
        if isinstance(entry, str) and "\n" not in entry:
            yield ("patchesStrategicMerge", index), entry
    for key in ("patches", "patchesJson6902", "replacements"):
        for index, entry in _entries(data, key):
            if isinstance(entry, Mapping) and entry.get("path"):
                yield (key, index, "path"), str(entry["path"])
    for index, entry in _entries(data, "configMapGenerator"):
        yield from ((("configMapGenerator", index), place) for place in _generator_places(entry))
    openapi = data.get("openapi")
    if isinstance(openapi, Mapping) and openapi.get("path"):
        yield ("openapi", "path"), str(openapi["path"])


def _entries(data: Mapping[str, Any], key: str) -> Iterator[tuple[int, Any]]:
    value = data.get(key)
    return enumerate(value if isinstance(value, list) else [] if value is None else [value])


def _generator_places(entry: Any) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        return
    for item in entry.get("files") or ():
        yield str(item).partition("=")[2] or str(item)
    yield from (str(item) for item in entry.get("envs") or ())
    if entry.get("env"):
        yield str(entry["env"])
