"""YAML that people or templates wrote, read in one pass so that no text can multiply, hide or mean two things.

Refused, with file and line: aliases and anchors, duplicate keys, tags, merges, depth, size, many documents, numbers
beyond 64 bits. What is read as plain text here and as a number or truth value elsewhere is refused where `strict`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from deployments.renderers.tree import SourceRefused, text_of

MAXIMUM_DEPTH = 100
MAXIMUM_DOCUMENTS = 50

_STRING = "tag:yaml.org,2002:str"
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Each of these is text for one version or reader of YAML, and a number, a time or a truth value for another.
_TWO_MEANINGS = re.compile(
    r"""(?:[yn]|yes|no|on|off
      |[-+]?0[0-9_]+|[-+]?0[xob][0-9a-f_]+|\+[0-9.].*|[-+]?[0-9][0-9_]*_[0-9_.]*
      |[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
      |[-+]?\.[0-9][0-9_]*(?:e[-+]?[0-9]+)?|[-+]?[0-9]+\.(?:e[-+]?[0-9]+)?|[-+]?\.inf|\.nan
      |[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?|=|<<)\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST_NUMBER = 100
_LONG_DIGITS = re.compile(r"[-+]?[0-9][0-9_.:]*\Z")
_SYNTAX = "Indent with spaces and check quotes, colons and brackets on this line and the one before."


class YamlRefused(SourceRefused):
    """As SourceRefused, with the line (from 1) beside the sentence."""

    def __init__(self, shown: str, line: int, cause: str, remedy: str) -> None:
        self.line = line
        self.cause = cause
        super().__init__(f"{shown}:{line}: {cause}", remedy)


def read(
    content: bytes, shown: str, *, strict: bool, most: int = MAXIMUM_DOCUMENTS, depth: int = MAXIMUM_DEPTH
) -> list[Any]:
    """The documents of a text as values, without those that hold nothing; `shown` names the file in sentences."""
    text = text_of(content, shown)
    building = _Building(shown, strict, most, depth)
    try:
        building.take_all(yaml.CSafeLoader(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        cause = f"The YAML cannot be read: {error.problem}."
        raise YamlRefused(shown, mark.line + 1 if mark else 1, cause, _SYNTAX) from error
    except yaml.YAMLError as error:
        cause = f"The text is not YAML: {str(error).splitlines()[0]}."
        raise YamlRefused(shown, 1, cause, "Remove control characters and save it as UTF-8.") from error
    return [document for document in building.documents if document is not None]


@dataclass
class _Open:
    """A collection whose end has not come; `key` waits for its value."""

    items: dict[str, Any] | list[Any]
    key: str | None = None


@dataclass
class _Building:
    """Makes values of events without recursion."""

    shown: str
    strict: bool
    most: int
    depth: int
    documents: list[Any] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    event: yaml.Event | None = None

    def take_all(self, loader: yaml.CSafeLoader) -> None:
        """Take every event. Written for speed: a rendered component has ten thousand, and people wait."""
        take_next, acts = loader.get_event, self._acts()
        try:
            while (event := take_next()) is not None:
                self.event = event
                act = acts.get(type(event))
                if act is not None:
                    act(event)
        finally:
            loader.dispose()

    def _acts(self) -> Mapping[type[yaml.Event], Callable[[Any], object]]:
        return {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._begin_mapping,
            yaml.SequenceStartEvent: self._begin_sequence,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
        }

    def _begin_mapping(self, event: yaml.MappingStartEvent) -> None:
        self._plain_node(event)
        self._begin({})

    def _begin_sequence(self, event: yaml.SequenceStartEvent) -> None:
        self._plain_node(event)
        self._begin([])

    def _end(self, _event: yaml.CollectionEndEvent) -> None:
        self.stack.pop()

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._refuse(f"The alias “{event.anchor}” is used.", "Write the value out where it is needed.")

    def _plain_node(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            self._refuse(f"The anchor “{event.anchor}” is set.", "Write the value out where it is needed.")
        if event.tag is not None and not (event.tag == _STRING and isinstance(event, yaml.ScalarEvent)):
            self._refuse(f"The tag “{event.tag}” is set.", "Write the value plainly, text in quotes.")

    def _begin(self, items: dict[str, Any] | list[Any]) -> None:
        if self.stack and isinstance(self.stack[-1].items, dict) and self.stack[-1].key is None:
            self._refuse("A key is not text.", "Use a name as the key.")
        self._put(items)
        self.stack.append(_Open(items))
        if len(self.stack) > self.depth:
            self._refuse(f"Values are nested more than {self.depth} deep.", "Flatten them.")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._plain_node(event)
        is_plain = event.style is None or event.style == ""
        place = self.stack[-1] if self.stack else None
        if place is not None and isinstance(place.items, dict) and place.key is None:
            place.key = self._key(event.value, is_plain, place.items)
        else:
            self._put(self._resolved(event.value) if is_plain and event.tag is None else event.value)

    def _key(self, key: str, is_plain: bool, items: dict[str, Any]) -> str:
        if is_plain and key == "<<":
            self._refuse("The merge key “<<” is used.", "Write the values out where they are needed.")
        if is_plain and self.strict and not isinstance(self._resolved(key), str):
            self._refuse(f"The key “{key[:40]}” is not text.", "Put quotes around the key.")
        if key in items:
            self._refuse(f"The key “{key[:80]}” stands twice.", "Remove one of them.")
        return key

    def _put(self, value: Any) -> None:
        if not self.stack:
            self.documents.append(value)
            if len(self.documents) > self.most:
                self._refuse(f"More than {self.most:,} documents are here.", "Divide them among several files.")
            return
        place = self.stack[-1]
        if isinstance(place.items, list):
            place.items.append(value)
        else:
            assert place.key is not None
            place.items[place.key], place.key = value, None

    def _resolved(self, text: str) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if len(text) > _LONGEST_NUMBER:
            if _LONG_DIGITS.match(text):
                self._refuse(f"The number “{text[:20]}…” needs more than 64 bits.", "Put quotes around it.")
            return text
        if self.strict and _TWO_MEANINGS.match(text):
            cause = f"“{text[:40]}” without quotes is text for some readers and a number or truth value for others."
            self._refuse(cause, "Put quotes around it, or write true, false or the plain number.")
        return self._number(text) if _NUMBER.match(text) else text

    def _number(self, text: str) -> int | float:
        if _INTEGER.match(text):
            number = int(text)
            if not -(2**63) <= number < 2**63:
                self._refuse(f"The number “{text[:20]}…” needs more than 64 bits.", "Put quotes around it.")
            return number
        value = float(text)
        if value in (float("inf"), float("-inf")):
            self._refuse(f"The number “{text[:20]}” is too large.", "Put quotes around it.")
        return value

    def _refuse(self, cause: str, remedy: str) -> NoReturn:
        mark = self.event.start_mark if self.event else None
        raise YamlRefused(self.shown, mark.line + 1 if mark else 1, cause, remedy)
