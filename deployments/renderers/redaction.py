"""Objects as people may see them: values of secrets hidden, but a change of a hidden value still visible."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from controlpanel.catalog.yaml_text import canonical
from controlpanel.clients.credentials_in_text import SECRET_TEXT, URL_PASSWORD, without_credentials
from controlpanel.core.literal_secrets import Finding, looks_secret, without
from controlpanel.core.literal_secrets_in_files import findings_by_field
from deployments.renderers.objects import LAST_APPLIED, ObjectRefused, objects_of

# A name begins where a word does, and is bounded: else a line of one long word would take the square of its length.
_NAME = re.compile(r"""(?<![\w.-])([\w.-]{1,200})["']?\s{0,20}[=:]\s{0,20}["']?""")
_VALUE = re.compile(r"""[^\s"',;&}(]{3,}""")
_HELD = ("data", "stringData", "binaryData")
_ABSENT, _UNREADABLE = object(), object()


def readable(before: bytes | None, after: bytes | None) -> tuple[str, str]:
    """Both sides of one object as text without secrets; "" for a side that is not there."""
    old, new = _parsed(before), _parsed(after)
    return _text(old, new, "before"), _text(new, old, "after")


def without_secrets(line: str) -> str:
    """A line of a log with what looks like a secret hidden: passwords in addresses, tokens, values of secret names."""
    line = without_credentials(line)
    shown, at = [], 0
    for named in _NAME.finditer(line):
        # A value may be the whole rest of the line: it is read for a secret's name only, and once.
        is_secret = named.end() >= at and looks_secret(named[1])
        if is_secret and (value := _VALUE.match(line, named.end())):
            shown += [line[at : value.start()], "(hidden)"]
            at = value.end()
    return "".join([*shown, line[at:]])


def _parsed(content: bytes | None) -> Any:
    if content is None:
        return _ABSENT
    try:
        objects = objects_of(content)
    except ObjectRefused:
        return _UNREADABLE
    return objects[0] if len(objects) == 1 else {"kind": "List", "items": objects}


def _text(item: Any, other: Any, side: str) -> str:
    if item is _ABSENT:
        return ""
    if not isinstance(item, dict):
        return f"(The content {side} is not YAML and is not shown.)"
    return canonical(_Hiding(side, findings_by_field(item)).object(item, other)).decode("utf-8")


class _Hiding:
    """Walks an object beside its other side; a hidden value that differs from the other side's is marked so.

    Hidden is what Git would refuse, too: `found` by the path of its field, since what lives was not always in Git.
    """

    def __init__(self, side: str, found: Mapping[str, Sequence[Finding]]) -> None:
        self._side = side
        self._found = found

    def object(self, item: Mapping[str, Any], other: Any, path: str = "") -> Any:
        """An object with its hidden parts replaced, the items of a list one by one."""
        kind, beside = item.get("kind"), _child(other, "items")
        if isinstance(item.get("items"), list):
            beside = beside if isinstance(beside, list) else []
            pairs = zip(item["items"], [*beside, *[None] * len(item["items"])], strict=False)
            return {**item, "items": [self.object(one, two, f"items[{at}].") for at, (one, two) in enumerate(pairs)]}
        return {
            key: self._field(str(kind), key, value, _child(other, key), f"{path}{key}") for key, value in item.items()
        }

    def _field(self, kind: str, key: str, value: Any, other: Any, path: str) -> Any:
        if key in _HELD and isinstance(value, Mapping):
            return {
                name: self._hidden(text, _child(other, name))
                if kind == "Secret" or looks_secret(name)
                else self._value(text, _child(other, name), f"{path}.{name}")
                for name, text in value.items()
            }
        return self._value(value, other, path)

    def _value(self, value: Any, other: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return {key: self._entry(key, item, value, other, f"{path}.{key}") for key, item in value.items()}
        if isinstance(value, list):
            beside = other if isinstance(other, list) else []
            return [
                self._value(item, _match(item, index, beside), f"{path}[{index}]") for index, item in enumerate(value)
            ]
        return self._plain(value, other, path)

    def _entry(self, key: str, item: Any, parent: Mapping[str, Any], other: Any, path: str) -> Any:
        """An entry of a mapping: hidden as the value of a variable with a secret's name, or as a copy of everything."""
        beside = _child(other, key)
        if key in _HELD and parent.get("kind") == "Secret":  # a whole object inside of another, such as a ManifestWork
            return self._field("Secret", key, item, beside, path)
        variable = key == "value" and isinstance(item, str) and looks_secret(str(parent.get("name", "")))
        if variable or key == LAST_APPLIED:
            return self._hidden(item, beside)
        return self._value(item, beside, path)

    def _plain(self, value: Any, other: Any, path: str) -> Any:
        """A text or number with what is a secret replaced."""
        mark = self._hidden(value, other)
        if path in self._found:
            value = without(str(value), self._found[path], mark)
        if not isinstance(value, str):
            return value
        return SECRET_TEXT.sub(mark, URL_PASSWORD.sub(mark, value))

    def _hidden(self, value: Any, other: Any) -> str:
        return "(hidden)" if value == other else f"(hidden, {self._side})"


def _child(other: Any, key: str) -> Any:
    return other.get(key) if isinstance(other, Mapping) else None


def _match(item: Any, index: int, beside: list[Any]) -> Any:
    """The entry of the other list that has the same name, else the same place."""
    name = _child(item, "name")
    if name is not None:
        return next((candidate for candidate in beside if _child(candidate, "name") == name), None)
    return beside[index] if index < len(beside) else None
