"""The JSON Schema of `platform.yaml` as an editor uses it, and its findings in words that name line and remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from controlpanel.catalog.errors import Problem
from controlpanel.catalog.yaml_source import Source

SCHEMA_FILE = Path(__file__).with_name("platform.schema.json")

_TYPE_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_PATTERN_REMEDIES = {
    "env": "Name a variable of the process environment in capitals, such as ARGOCD_TOKEN.",
    "path": "Write a folder of the platform repository, such as kubernetes/backend, without “..”.",
    "branch": "Write a branch such as env/staging.",
    "kubernetesVersion": 'Write the cluster\'s version in quotes, such as "1.33.0".',
    "values": "Write files in the chart's folder, such as values/{environment}.yaml, without “..”.",
    "events": "Write the name of an event such as promotion.paused, or a family such as promotion.*; docs/notifications.md lists them.",
    "to": "Write a mail address such as operations@example.com.",
    "file": "Write the path of a file, from /.",
    "server": "Write an address such as https://kubernetes.default.svc, without user or password.",
    "variables": "Write the key in capitals, digits and underscores, such as DATABASE_URL.",
}
_NAME_REMEDY = "Use small letters, digits and hyphens, beginning with a letter, such as backend."


@cache
def schema() -> dict[str, Any]:
    """The schema as a value."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text("utf-8"))
    return loaded


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema())


def schema_problems(source: Source) -> list[Problem]:
    """Everything in the document that the schema does not allow."""
    errors = _validator().iter_errors(source.data)
    return [problem for error in errors for problem in _problems(source, error)]


def nearest(word: str, known: list[str], *, otherwise: str = "") -> str:
    """A remedy that names the known word nearest to a misspelt one, else all known words."""
    matches = get_close_matches(word, known, n=1, cutoff=0.6)
    if matches:
        return f"Did you mean “{matches[0]}”?"
    return otherwise or f"Known here: {', '.join(sorted(known)) or 'none'}."


def _problems(source: Source, error: jsonschema_rs.ValidationError) -> Iterator[Problem]:
    path = tuple(error.instance_path)
    kind: Any = error.kind
    if kind.name == "additionalProperties":
        known = list(_schema_at(error.schema_path[:-1]).get("properties", {}))
        for key in kind.unexpected:
            yield source.problem((*path, key), f"“{key}” is not known in {_place(path)}.", nearest(key, known))
    elif kind.name == "required":
        yield source.problem(path, f"“{kind.property}” is missing in {_place(path)}.", f"Add {kind.property}.")
    elif kind.name == "propertyNames":
        key = str(kind.error.instance)
        remedy = _PATTERN_REMEDIES.get(str(path[-1]), _NAME_REMEDY)
        yield source.problem((*path, key), f"The name “{key}” in {_place(path)} is not allowed.", remedy)
    else:
        yield source.problem(path, *_value_problem(path, kind, error))


def _value_problem(path: tuple[str | int, ...], kind: Any, error: jsonschema_rs.ValidationError) -> tuple[str, str]:
    place = _place(path)
    if kind.name == "type":
        wanted = " or ".join(_TYPE_NAMES[name] for name in kind.types)
        return f"{place} is not {wanted}.", f"Write {wanted} here."
    if kind.name == "enum":
        value, options = error.instance, [str(option) for option in kind.options]
        return f"{place} is “{value}”, which is not known.", nearest(str(value), options)
    if kind.name == "pattern":
        return f"{place} is “{error.instance}”, which is not allowed.", _pattern_remedy(path)
    if kind.name == "const":
        return f"{place} is not {json.dumps(kind.expected_value)}.", f"Write {json.dumps(kind.expected_value)}."
    return f"{place}: {error.message}.", "Correct the value; the schema says what is allowed."


def _pattern_remedy(path: tuple[str | int, ...]) -> str:
    """The remedy for a key; an entry of a list has its list's."""
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    return _PATTERN_REMEDIES.get(key, _NAME_REMEDY)


def _schema_at(path: list[str | int]) -> dict[str, Any]:
    """The part of the schema that an error's own path leads to, through its references."""
    node: Any = schema()
    for step in path:
        if step == "$ref":
            node = schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
        else:
            node = node[step]
    return dict(node)


def _place(path: tuple[str | int, ...]) -> str:
    return ".".join(str(step) for step in path) or "the document"
