"""What may stand in a kustomization: its fields, those of their entries, and the places and patches that they name.

Go reads JSON without regard to case and YAML by other rules than Python: fields are known by their exact names, and a
place is text, so that what is looked at here is what kustomize opens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from controlpanel.catalog.yaml_source import Path, Source
from deployments.renderers.tree import SourceRefused

_OF_PLACES = ("resources", "bases", "components", "crds", "configurations", "patchesStrategicMerge")
_PATCH = frozenset("path patch target options".split())
_ENTRIES: Mapping[str, frozenset[str]] = {
    "patches": _PATCH,
    "patchesJson6902": _PATCH,
    "replacements": frozenset("path source targets".split()),
    "configMapGenerator": frozenset("name namespace behavior literals files envs env options".split()),
    "labels": frozenset("pairs includeSelectors includeTemplates fields".split()),
    "images": frozenset("name newName newTag tagSuffix digest".split()),
    "replicas": frozenset("name count".split()),
    "vars": frozenset("name objref fieldref".split()),
}
_LISTS = frozenset(_OF_PLACES) | _ENTRIES.keys() | {"helmCharts"}
_FIELDS = _LISTS | frozenset(
    """apiVersion kind metadata openapi namespace namePrefix nameSuffix commonLabels commonAnnotations generatorOptions
    buildMetadata sortOptions helmGlobals""".split()
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


def where(source: Source, path: Path) -> str:
    """File and line of a path in a kustomization."""
    return f"{source.file}:{source.line(path)}"


def check_fields(source: Source) -> None:
    """Raise SourceRefused for a field that is not known by exactly this name, and for lists and mappings that are none."""
    if not isinstance(source.data, Mapping):
        raise SourceRefused(f"{source.file}:1: The kustomization is not a mapping.", "Write fields such as resources.")
    for key, value in source.data.items():
        if key not in _FIELDS:
            cause = f"{where(source, (key,))}: “{key}” is not allowed in a kustomization."
            raise SourceRefused(cause, _REFUSED.get(key) or _remedy(key, _FIELDS))
        if key in _LISTS:
            _list(source, (key,), value)
    for key, allowed in _ENTRIES.items():
        for index, entry in _entries(source, key):
            _check_mapping(source, (key, index), entry, allowed)
    if source.data.get("openapi") is not None:
        _check_mapping(source, ("openapi",), source.data["openapi"], frozenset(("path",)))


def places(source: Source) -> Iterator[tuple[Path, str]]:
    """Every place that a checked kustomization names, with its path in the document; SourceRefused for one that is no text."""
    for key in _OF_PLACES:
        for path, place in _texts(source, (key,), source.data.get(key)):
            if key != "patchesStrategicMerge" or "\n" not in place:
                yield path, place
    for key in ("patches", "patchesJson6902", "replacements"):
        for index, entry in _entries(source, key):
            yield from _text(source, (key, index, "path"), entry.get("path"))
    for index, entry in _entries(source, "configMapGenerator"):
        yield from _files_of_generator(source, ("configMapGenerator", index), entry)
    yield from _text(source, ("openapi", "path"), (source.data.get("openapi") or {}).get("path"))


def patches(source: Source) -> Iterator[tuple[Path, str]]:
    """The texts of patches that are written into a checked kustomization: YAML inside of YAML."""
    for key in ("patches", "patchesJson6902"):
        for index, entry in _entries(source, key):
            yield from _text(source, (key, index, "patch"), entry.get("patch"))
    for path, text in _texts(source, ("patchesStrategicMerge",), source.data.get("patchesStrategicMerge")):
        if "\n" in text:
            yield path, text


def charts(source: Source) -> Iterator[tuple[str, Mapping[str, Any], list[str]]]:
    """File and line, fields and places of values of each chart; raises SourceRefused for a field that is not allowed.

    Every word becomes an argument of helm, so none may look like an option.
    """
    for index, entry in _entries(source, "helmCharts"):
        path: Path = ("helmCharts", index)
        _check_chart(source, path, entry)
        first = _text(source, (*path, "valuesFile"), entry.get("valuesFile"))
        more = _texts(source, (*path, "additionalValuesFiles"), entry.get("additionalValuesFiles"))
        yield where(source, path), entry, [place for _, place in (*first, *more)]


def chart_home(source: Source) -> str:
    """The folder of the charts; raises SourceRefused for any other setting of helm."""
    settings = source.data.get("helmGlobals") or {}
    home = settings.get("chartHome", "charts") if isinstance(settings, Mapping) else None
    if not isinstance(home, str) or set(settings) - {"chartHome"}:
        _refuse(source, ("helmGlobals",), "helmGlobals is no chartHome.", "Write chartHome alone.")
    return home


def _check_chart(source: Source, path: Path, entry: Any) -> None:
    if not isinstance(entry, Mapping):
        _refuse(source, path, "A chart is not a mapping.", "Write its name and values.")
    for key in entry:
        if key not in _CHART_FIELDS:
            cause = f"“{key}” is not allowed for a chart: only charts of the repository are."
            _refuse(source, path, cause, _REFUSED_IN_CHARTS.get(key) or _remedy(key, _CHART_FIELDS))
    for key in ("name", "releaseName", "namespace"):
        word = entry.get(key)
        if (key in entry or key == "name") and not (isinstance(word, str) and _WORD.match(word)):
            _refuse(source, path, f"The {key} of a chart is “{word}”.", "Use small letters, digits and hyphens.")
    for _, version in _texts(source, (*path, "apiVersions"), entry.get("apiVersions")):
        if not _API_VERSION.match(version):
            _refuse(source, path, f"“{version}” is no API version.", "Write one such as batch/v1.")


def _check_mapping(source: Source, path: Path, entry: Any, allowed: frozenset[str]) -> None:
    if not isinstance(entry, Mapping):
        _refuse(source, path, f"What stands under {path[0]} is not a mapping.", f"Write {', '.join(sorted(allowed))}.")
    for key in entry:
        if key not in allowed:
            _refuse(source, (*path, key), f"“{key}” is not allowed under {path[0]}.", _remedy(key, allowed))


def _files_of_generator(source: Source, path: Path, entry: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for step, item in _texts(source, (*path, "files"), entry.get("files")):
        yield step, item.partition("=")[2] or item
    yield from _texts(source, (*path, "envs"), entry.get("envs"))
    yield from _text(source, (*path, "env"), entry.get("env"))


def _entries(source: Source, key: str) -> Iterator[tuple[int, Any]]:
    return enumerate(_list(source, (key,), source.data.get(key)))


def _texts(source: Source, path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    for index, item in enumerate(_list(source, path, value)):
        if not isinstance(item, str):
            _refuse(source, (*path, index), f"“{item}” is not text.", "Put quotes around it, or remove it.")
        yield (*path, index), item


def _text(source: Source, path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if value is not None:
        yield from ((path, text) for _, text in _texts(source, path, [value]))


def _list(source: Source, path: Path, value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        _refuse(source, path, f"“{path[-1]}” is not a list.", "Write its entries as a list, each after a hyphen.")
    return value or []


def _remedy(key: str, allowed: frozenset[str]) -> str:
    """Go would read a name in other letters as well."""
    known = next((name for name in allowed if name.casefold() == key.casefold()), "")
    return f"Write it as {known}." if known else "Remove it."


def _refuse(source: Source, path: Path, cause: str, remedy: str) -> NoReturn:
    raise SourceRefused(f"{where(source, path)}: {cause}", remedy)
