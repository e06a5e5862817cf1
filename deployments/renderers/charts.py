"""Reads a chart of the repository before helm does, and refuses what could reach outside, hide or change by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from deployments.renderers.template_functions import FORBIDDEN, forbidden_calls
from deployments.renderers.tree import SourceRefused, below, content_of, plain_files, text_of
from deployments.renderers.yaml_guard import MAXIMUM_DEPTH, read

SCHEMA = "values.schema.json"

_CHART_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}\Z")
_FILE_NAME = re.compile(r"[A-Za-z0-9_.+@ -]+\Z")
_DRAFTS = re.compile(
    r"https?://json-schema\.org/(?:draft-0[467]|draft/20(?:19-09|20-12))/schema#?\Z"
)  # known to helm, so not fetched
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DOCUMENTATION = re.compile(r"(?:README|LICENSE|NOTICE|CHANGELOG|OWNERS)(?:\.\w+)?\Z|.*\.md\Z|\.\w+ignore\Z")
# Helm matches by Go's rules, which know other sets and escapes than Python's, and passes over a byte order mark.
_READ_OTHERWISE = re.compile(r"[^ -~]|[\[\\]")
_MOST_PATTERNS, _LONGEST_PATTERN = 200, 200
_VENDOR = "Unpack it into the chart's folder charts/ and commit it."


def check_chart(root: Path, folder: Path) -> list[Path]:
    """Every file of a chart and of the charts in it, looked at; raises SourceRefused for what may not be rendered."""
    files = plain_files(root, folder)
    for file in files:
        shown = str(file.relative_to(root))
        if not _FILE_NAME.match(file.name):
            raise SourceRefused(f"{shown!a} has an odd name.", "Use letters, digits, dots and hyphens.")
        if file.name.endswith((".tgz", ".tar.gz", ".tar", ".zip")):
            raise SourceRefused(f"{shown} is an archive.", _VENDOR)
    for chart in _charts(folder):
        _check_one(root, chart, files)
    return files


def _charts(folder: Path) -> Iterator[Path]:
    """The chart and those in its folders `charts/`, however deep."""
    yield folder
    inner = folder / "charts"
    if inner.is_dir():
        for entry in sorted(inner.iterdir()):
            if entry.is_dir():
                yield from _charts(entry)


def _check_one(root: Path, chart: Path, files: list[Path]) -> None:
    _check_description(root, chart)
    for name in ("requirements.yaml", "requirements.lock", "plugin.yaml"):
        if (chart / name).exists():
            remedy = "Plugins are not run; remove it." if name == "plugin.yaml" else "List dependencies in Chart.yaml."
            raise SourceRefused(f"{(chart / name).relative_to(root)} is not read.", remedy)
    if (chart / "values.yaml").exists():
        check_values(root, chart / "values.yaml")
    if (chart / SCHEMA).exists():
        _check_schema(root, chart / SCHEMA)
    if (chart / ".helmignore").exists():
        _check_ignored(root, chart, files)
    for file in below(files, chart / "crds"):
        if file.suffix in (".yaml", ".yml", ".json"):
            read(content_of(root, file), str(file.relative_to(root)), strict=True)
    for file in below(files, chart / "templates"):
        _check_template(root, file)


def check_values(root: Path, file: Path) -> None:
    """Raise SourceRefused for a values file that is no plain mapping."""
    shown = str(file.relative_to(root))
    documents = read(content_of(root, file), shown, strict=False, most=1)
    if documents and not isinstance(documents[0], dict):
        raise SourceRefused(f"{shown}:1: The values are not a mapping.", "Write keys and values.")


def _check_description(root: Path, chart: Path) -> None:
    file = chart / "Chart.yaml"
    if not file.is_file():
        raise SourceRefused(f"{chart.relative_to(root)} has no Chart.yaml.", "Name the folder of a chart.")
    shown = str(file.relative_to(root))
    documents = read(content_of(root, file), shown, strict=False, most=1)
    data = documents[0] if documents else None
    if not isinstance(data, dict) or not _CHART_NAME.match(str(data.get("name"))):
        raise SourceRefused(f"{shown} names no chart.", "Write a name in small letters, digits and hyphens.")
    if data.get("apiVersion") != "v2":
        raise SourceRefused(f"{shown}: The apiVersion is not v2.", "Bring the chart to apiVersion v2.")
    dependencies = data.get("dependencies") or []
    if not isinstance(dependencies, list):
        raise SourceRefused(f"{shown}: The dependencies are not a list.", "Write each after a hyphen.")
    for entry in dependencies:
        _check_dependency(chart, shown, entry)


def _check_dependency(chart: Path, shown: str, entry: Any) -> None:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    if not isinstance(name, str) or not _CHART_NAME.match(name):
        raise SourceRefused(f"{shown}: A dependency has no plain name.", "Name the folder below charts/.")
    if not (chart / "charts" / name / "Chart.yaml").is_file():
        origin = f" from {entry['repository']}" if entry.get("repository") else ""
        raise SourceRefused(f"{shown}: The dependency “{name}”{origin} is not in charts/{name}.", _VENDOR)


def _check_schema(root: Path, file: Path) -> None:
    shown = str(file.relative_to(root))
    try:
        pending: list[tuple[Any, int]] = [(json.loads(text_of(content_of(root, file), shown)), 0)]
    except (ValueError, RecursionError) as error:
        raise SourceRefused(f"{shown} is not JSON: {str(error)[:200]}.", "Correct the schema.") from error
    while pending:
        node, depth = pending.pop()
        if depth > MAXIMUM_DEPTH:
            raise SourceRefused(f"{shown} is nested more than {MAXIMUM_DEPTH} deep.", "Flatten it.")
        if isinstance(node, dict):
            _check_references(shown, node)
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        pending += [(child, depth + 1) for child in children]


def _check_references(shown: str, node: Mapping[str, Any]) -> None:
    """A schema may point at its own parts alone: helm would read or fetch what any other reference names."""
    for key in _REFERENCES:
        if isinstance(node.get(key), str) and not node[key].startswith("#"):
            raise SourceRefused(
                f"{shown} refers to “{node[key]}”.", "Write that part under $defs and refer to it by #/…."
            )
    draft = node.get("$schema")
    if isinstance(draft, str) and not _DRAFTS.match(draft):
        raise SourceRefused(f"{shown} is written for “{draft}”.", "Use a draft of json-schema.org from 4 to 2020-12.")


def _check_ignored(root: Path, chart: Path, files: list[Path]) -> None:
    """What is committed is what is rendered: no pattern may take a part of the chart away."""
    file = chart / ".helmignore"
    shown = str(file.relative_to(root))
    kept: dict[str, Path] = {}
    for path in (path.relative_to(chart) for path in below(files, chart)):
        if _may_be_read(path):
            kept |= dict.fromkeys((*path.parts, *map(str, path.parents), str(path)), path)
    lines = enumerate(text_of(content_of(root, file), shown).split("\n"), 1)
    patterns = [(f"{shown}:{at}", text) for at, line in lines if (text := line.strip()) and not text.startswith("#")]
    if len(patterns) > _MOST_PATTERNS:
        raise SourceRefused(f"{shown} holds more than {_MOST_PATTERNS} patterns.", "Name what is there alone.")
    for where, pattern in patterns:
        _check_pattern(where, pattern, kept)


def _check_pattern(where: str, pattern: str, kept: Mapping[str, Path]) -> None:
    """`kept`: names, paths and folders of files that stay -> the file. Says that one is hidden rather than that it is not."""
    if len(pattern) > _LONGEST_PATTERN or _READ_OTHERWISE.search(pattern):
        raise SourceRefused(f"{where}: {pattern[:80]!a} is no plain pattern.", "Use names, “*” and “?” alone.")
    if pattern.startswith("!"):
        raise SourceRefused(f"{where}: “{pattern}” takes a pattern back.", "Name what is ignored alone.")
    stem = pattern.strip("/")
    hidden = next((path for text, path in kept.items() if fnmatchcase(text, stem)), None)
    if hidden:
        raise SourceRefused(f"{where}: “{pattern}” hides {hidden}.", "Remove the pattern, or the file.")


def _may_be_read(path: Path) -> bool:
    """Templates read any file of their chart, so that all but documentation counts."""
    return path.parts[0] in ("templates", "crds") or not _DOCUMENTATION.match(path.name)


def _check_template(root: Path, file: Path) -> None:
    shown = str(file.relative_to(root))
    for line, name in forbidden_calls(text_of(content_of(root, file), shown)):
        why, _, remedy = FORBIDDEN[name].partition(". ")
        raise SourceRefused(f"{shown}:{line}: The function “{name}” is not allowed. {why}.", remedy)
