"""YAML text as plain values that remember their lines: no aliases, no duplicate keys, bounded in size and depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, NoReturn

import yaml

from controlpanel.catalog.errors import CatalogError, Problem

MAXIMUM_BYTES = 1_000_000
MAXIMUM_DEPTH = 50

Path = tuple[str | int, ...]

_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_SPACES = "Indent with spaces and check quotes, colons and brackets on this line and the one before."


@dataclass(frozen=True)
class Source:
    """A document's values and, for each path of keys and indexes in it, the line on which it stands (from 1)."""

    file: str
    data: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """The line of a path, or of its nearest parent that is in the document."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, cause: str, remedy: str) -> Problem:
        """A problem at the line of a path."""
        return Problem(self.file, self.line(path), cause, remedy)


def read(text: str, *, filename: str) -> Source:
    """Parse one YAML document; raises CatalogError with every problem that it could find."""
    _check_size(text, filename)
    try:
        _check_events(text, filename)
        loader = yaml.CSafeLoader(text)
        try:
            return _Reading(filename, loader).source()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise CatalogError([_syntax_problem(error, filename)]) from error
    except yaml.YAMLError as error:
        cause = f"The text is not YAML: {str(error).splitlines()[0]}."
        raise CatalogError([Problem(filename, 1, cause, "Remove control characters and save it as UTF-8.")]) from error


def _check_size(text: str, filename: str) -> None:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise CatalogError(
            [Problem(filename, 1, "The text is not YAML: it is not UTF-8.", "Save it as UTF-8.")]
        ) from error
    if size > MAXIMUM_BYTES:
        cause = f"The document has {size:,} bytes; {MAXIMUM_BYTES:,} is the most that is read."
        raise CatalogError([Problem(filename, 1, cause, "Move what does not belong to the catalog out of it.")])


def _check_events(text: str, filename: str) -> None:
    """Refuse by the flat event stream what would make composing recurse or grow: depth, anchors, several documents."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if documents > 1:
            _refuse(filename, line, "A second YAML document begins here.", "Keep one document in the file.")
        if depth > MAXIMUM_DEPTH:
            _refuse(filename, line, f"Values are nested more than {MAXIMUM_DEPTH} deep.", "Flatten them.")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            cause = f"The anchor or alias “{event.anchor}” is used."
            _refuse(filename, line, cause, "Write the value out where it is needed; aliases are refused.")


def _refuse(filename: str, line: int, cause: str, remedy: str) -> NoReturn:
    raise CatalogError([Problem(filename, line, cause, remedy)])


def _syntax_problem(error: yaml.MarkedYAMLError, filename: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    return Problem(filename, mark.line + 1 if mark else 1, f"The YAML cannot be read: {error.problem}.", _SPACES)


class _Reading:
    """Turns composed nodes into values once, collecting lines and problems on the way."""

    def __init__(self, filename: str, loader: yaml.CSafeLoader) -> None:
        self.filename = filename
        self.loader = loader
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def source(self) -> Source:
        node = self.loader.get_single_node()
        if node is None:
            _refuse(
                self.filename, 1, "The document is empty.", "Describe the platform, its environments and components."
            )
        data = self._value(node, ())
        if self.problems:
            raise CatalogError(self.problems)
        return Source(self.filename, data, self.lines)

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if node.tag not in _PLAIN_TAGS:
            return self._refused(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        """A value that JSON and the database can hold, too; PyYAML itself fails on numbers of thousands of digits."""
        try:
            value = self.loader.construct_object(node)
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise OverflowError
            if isinstance(value, float) and not isfinite(value):
                raise OverflowError
        except (ValueError, OverflowError):
            line = node.start_mark.line + 1
            return self._add(line, "A number here is too large to be kept.", "Put quotes around it.")
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = key_node.value, key_node.start_mark.line + 1
            if key_node.tag != "tag:yaml.org,2002:str":
                self._add(
                    line,
                    f"The key “{key}” is not text." if isinstance(key, str) else "A key is not text.",
                    "Put quotes around the key, or use a name.",
                )
            elif key in result:
                first = self.lines[(*path, key)]
                self._add(line, f"The key “{key}” stands twice; the first is on line {first}.", "Remove one of them.")
            else:
                self.lines[(*path, key)] = line
                result[key] = self._value(value_node, (*path, key))
        return result

    def _refused(self, node: yaml.Node) -> None:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        self._add(node.start_mark.line + 1, f"A value of the kind “{kind}” is not allowed.", "Put quotes around it.")

    def _add(self, line: int, cause: str, remedy: str) -> None:
        self.problems.append(Problem(self.filename, line, cause, remedy))
