"""Reading the text of an import: CSV or YAML to entries, with the line of each problem and never the text that is wrong.

CSV: `slug,displayName,owner,contacts,labels` and, for references, columns `<environment>.<KEY>` that hold
`store:remote/key#property`, or the value of a key that is no secret. YAML: `tenants: [{slug, displayName, owner, contacts,
labels, environments: {<environment>: {<KEY>: {kind, store, remoteKey, property}}}}]`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from controlpanel.catalog.errors import CatalogError
from controlpanel.catalog.yaml_source import Source, read
from controlpanel.core.errors import InvalidError
from tenants.services import inputs

MOST_TENANTS = 10_000
MOST_CHARACTERS = 1_000_000
FIELDS = {"slug", "displayName", "owner", "contacts", "labels", "environments"}
COLUMN = re.compile(r"([a-z][-a-z0-9]*)\.([A-Z][A-Z0-9_]*)")
PLACE = re.compile(r"(?P<store>[^:#\s]+):(?P<remoteKey>[^#]+)(?:#(?P<property>.+))?")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with a line (counted from 1) of the text; `sentence` never repeats the value."""

    line: int
    field: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One tenant of the text: checked columns, and (environment, key, place as the API takes it)."""

    line: int
    slug: str
    fields: Mapping[str, Any]
    references: tuple[tuple[str, str, Mapping[str, Any]], ...] = ()


def entries_of(
    text: str, format: Literal["csv", "yaml"], environments: Sequence[str]
) -> tuple[list[Entry], tuple[Problem, ...]]:
    """Raises `InvalidError` for a text that cannot be read at all."""
    if len(text) > MOST_CHARACTERS:
        raise InvalidError("The text is too long.", "Import it in parts.", field="text")
    found: list[Entry] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for line, raw in (_of_csv if format == "csv" else _of_yaml)(text):
        try:
            entry = _entry(line, raw, environments)
            if entry.slug in seen:
                raise InvalidError(f"{entry.slug} stands in the text twice.", field="slug")
        except InvalidError as error:
            problems.append(Problem(line=line, field=str(error.extra.get("field", "")), sentence=str(error)))
            continue
        seen.add(entry.slug)
        found.append(entry)
    return found, tuple(problems)


def _entry(line: int, raw: Mapping[str, Any], environments: Sequence[str]) -> Entry:
    if set(map(str, raw)) - FIELDS:
        raise InvalidError(
            "A tenant does not take one of these fields.", f"It takes {', '.join(sorted(FIELDS))}.", field="tenants"
        )
    checks: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "displayName": ("display_name", lambda value: inputs.checked_text(value, "displayName", most=150, least=1)),
        "owner": ("owner", lambda value: inputs.checked_text(value, "owner", most=150)),
        "contacts": ("contacts", inputs.checked_contacts),
        "labels": ("labels", inputs.checked_labels),
    }
    fields = {column: check(raw[name]) for name, (column, check) in checks.items() if raw.get(name) not in (None, "")}
    return Entry(
        line=line, slug=inputs.checked_slug(raw.get("slug")), fields=fields,
        references=tuple(_references(raw.get("environments") or {}, environments)),
    )  # fmt: skip


def _references(given: Any, environments: Sequence[str]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    wrong = InvalidError("References stand as environments: {name: {KEY: place}}.", field="environments")
    if not isinstance(given, Mapping):
        raise wrong
    for name, own in given.items():
        if name not in environments:
            raise InvalidError(
                "One of the environments is unknown.", f"Known: {', '.join(environments)}.", field="environments"
            )
        if not isinstance(own, Mapping) or not all(isinstance(place, Mapping) for place in own.values()):
            raise wrong
        yield from ((name, str(key), place) for key, place in own.items())


def _of_yaml(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        source = read(text, filename="import")
    except CatalogError as error:
        lines = ", ".join(sorted({f"line {problem.line}" for problem in error.problems}))
        raise InvalidError(f"The text is no YAML that can be read: {lines}.", field="text") from None
    tenants = source.data.get("tenants") if isinstance(source.data, Mapping) else None
    if not isinstance(tenants, list) or not all(isinstance(one, Mapping) for one in tenants):
        raise InvalidError("The text must hold `tenants:` with a list.", field="text")
    yield from ((_line(source, position), one) for position, one in enumerate(tenants))


def _line(source: Source, position: int) -> int:
    return source.line(("tenants", position))


def _of_csv(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), strict=True)
    try:
        heading = [name.strip() for name in rows.fieldnames or ()]
        _check_heading(heading)
        rows.fieldnames = heading
        for row in rows:
            if None in row or None in row.values():
                raise InvalidError(
                    f"Line {rows.line_num} has another number of columns than the heading.", field="text"
                )
            yield rows.line_num, _of_row(row)
    except csv.Error:
        raise InvalidError(f"The text is no CSV that can be read: line {rows.line_num}.", field="text") from None


def _check_heading(heading: Sequence[str]) -> None:
    unknown = [name for name in heading if name not in FIELDS - {"environments"} and not COLUMN.fullmatch(name)]
    if "slug" not in heading or unknown or len(set(heading)) != len(heading):
        raise InvalidError(
            "The first line must name the columns, each once.",
            "Use slug, displayName, owner, contacts, labels and <environment>.<KEY>.", field="text",
        )  # fmt: skip


def _of_row(row: Mapping[str, str]) -> dict[str, Any]:
    own = {name: text.strip() for name, text in row.items() if text.strip()}
    found: dict[str, Any] = {name: text for name, text in own.items() if not COLUMN.fullmatch(name)}
    if "contacts" in own:
        found["contacts"] = [{"email": one.strip()} for one in own["contacts"].split(";") if one.strip()]
    if "labels" in own:
        found["labels"] = dict(_pair(one) for one in own["labels"].split(";") if one.strip())
    places: dict[str, dict[str, Any]] = {}
    for name, text in own.items():
        if match := COLUMN.fullmatch(name):
            places.setdefault(match[1], {})[match[2]] = _place(text)
    return {**found, **({"environments": places} if places else {})}


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidError("Labels are written name=text;name=text.", field="labels")
    return name.strip(), value.strip()


def _place(text: str) -> dict[str, Any]:
    """An address is a value, `store:remote/key#property` a place; anything else is judged as a value of its key."""
    match = None if "://" in text else PLACE.fullmatch(text)
    if match is None:
        return {"value": text}
    return {"kind": "ExternalSecret", **{name: part for name, part in match.groupdict().items() if part}}
