"""Reads the kustomizations that an overlay leads to, before any tool does, and refuses what could reach outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from controlpanel.catalog.errors import CatalogError
from controlpanel.catalog.yaml_source import Source, read
from deployments.renderers import yaml_guard
from deployments.renderers.charts import check_chart, check_values
from deployments.renderers.kustomization import chart_home, charts, check_fields, patches, places, where
from deployments.renderers.tree import (
    MAXIMUM_FILES,
    MAXIMUM_TOTAL,
    SourceRefused,
    content_of,
    inside,
    plain_folder,
    require_plain,
    text_of,
)  # fmt: skip

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MAXIMUM_FOLDERS = 200


@dataclass
class Closure:
    """What an overlay leads to: the folders of its kustomizations, other files and charts; all below the root."""

    folders: set[Path] = field(default_factory=set)
    files: set[Path] = field(default_factory=set)
    charts: set[Path] = field(default_factory=set)
    guarded: set[Path] = field(default_factory=set)
    has_links: bool = False
    count: int = 0
    size: int = 0

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

    def weigh(self, *sizes: int) -> None:
        """Add files of so many bytes; raises SourceRefused where all together are too much to be read."""
        self.count, self.size = self.count + len(sizes), self.size + sum(sizes)
        if self.count > MAXIMUM_FILES or self.size > MAXIMUM_TOTAL:
            message = f"The overlay leads to more than {MAXIMUM_FILES:,} files or {MAXIMUM_TOTAL:,} bytes."
            raise SourceRefused(message, "Remove what it does not need, or make several components of it.")

    def take(self, root: Path, file: Path, *, is_data: bool) -> None:
        """A file for a ConfigMap may hold anything of a bounded size; every other one is guarded before a tool reads it."""
        if file not in (self.files if is_data else self.guarded):
            content = content_of(root, file)
            self.weigh(len(content))
            self.files.add(file)
            if not is_data:
                self.guarded.add(file)
                yaml_guard.read(content, str(file.relative_to(root)), strict=False)


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
    check_fields(source)
    for path, place in places(source):
        target = closure.found(folder, place, inside(root, folder, place, where(source, path)))
        if target.is_dir():
            yield target
        else:
            closure.take(root, target, is_data=path[0] == "configMapGenerator")
    _check_patches(source)
    _check_charts(root, folder, source, closure)


def _kustomization(root: Path, folder: Path, closure: Closure) -> Source:
    shown = folder.relative_to(root)
    present = [name for name in FILE_NAMES if (folder / name).exists()]
    if len(present) != 1:
        found = "no kustomization" if not present else f"more than one kustomization ({', '.join(present)})"
        raise SourceRefused(f"{shown} has {found}.", "Keep one kustomization.yaml in the folder.")
    file = closure.found(folder, present[0], inside(root, folder, present[0], str(shown)))
    content = content_of(root, file)
    closure.weigh(len(content))
    try:
        return read(text_of(content, str(shown / present[0])), filename=str(shown / present[0]))
    except CatalogError as error:
        problem = error.problems[0]
        raise SourceRefused(f"{problem.file}:{problem.line}: {problem.cause}", problem.remedy) from error


def _check_patches(source: Source) -> None:
    """What is no mapping among strategic merges would be the name of a file for kustomize, whatever line breaks it holds."""
    for path, text in patches(source):
        shown = f"{where(source, path)}: The patch"
        documents = yaml_guard.read(text.encode(), shown, strict=False)
        if path[0] == "patchesStrategicMerge" and not all(isinstance(document, dict) for document in documents):
            raise SourceRefused(f"{shown} is not a mapping.", "Write apiVersion, kind, metadata and what is changed.")


def _check_charts(root: Path, folder: Path, source: Source, closure: Closure) -> None:
    home = chart_home(source)
    for shown, entry, values in charts(source):
        chart = inside(root, folder, f"{home}/{entry['name']}", shown)
        if chart != Path(os.path.normpath(folder / home / entry["name"])):
            raise SourceRefused(f"{shown}: The chart is reached by a symbolic link.", "Name the folder itself.")
        if chart not in closure.charts:
            files = check_chart(root, plain_folder(root, str(chart.relative_to(root)), shown))
            closure.weigh(*(file.stat().st_size for file in files))
            closure.charts.add(chart)
        for place in values:
            _check_values(root, folder, place, shown, closure)


def _check_values(root: Path, folder: Path, place: str, shown: str, closure: Closure) -> None:
    values = closure.found(folder, place, inside(root, folder, place, shown))
    for path in (folder, values):  # helm is given both, and links are followed before
        require_plain(path.relative_to(root), shown)
    check_values(root, values)
    closure.weigh(values.stat().st_size)
    closure.files.add(values)
