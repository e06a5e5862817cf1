"""A unified diff as rows with old and new line numbers, word marks and stable line ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)$")
AT_ONCE = ("changed", "missing", "extra")
"""Changes that are shown unfolded; what is new or gone is folded."""
MARK_LIMIT = 400
"""Longer lines get no word marks, in characters."""


@dataclass(frozen=True)
class Row:
    """One line: `kind` is context, added, removed or hunk; `parts` are (text, marked) pairs that make up the line."""

    kind: str
    parts: tuple[tuple[str, bool], ...]
    old: int | None = None
    new: int | None = None
    identity: str = ""

    @property
    def sign(self) -> str:
        """What the sign column shows."""
        return {"added": "+", "removed": "−"}.get(self.kind, "")

    @property
    def text(self) -> str:
        """The line without its sign."""
        return "".join(text for text, _ in self.parts)


@dataclass(frozen=True)
class ResourceDiff:
    """One resource of a rendered diff, ready to show."""

    component: str
    kind: str
    namespace: str
    name: str
    change: str
    added: int
    removed: int
    rows: tuple[Row, ...] = field(repr=False)
    identity: str = ""
    problems: tuple[str, ...] = ()
    is_open: bool = False


def resources(changes: Iterable[Any]) -> list[ResourceDiff]:
    """Show each change: mappings or objects with component, kind, namespace, name, change, diff (added and removed are counted)."""
    shown = [_resource(change) for change in changes]
    taken: set[str] = set()
    unique = []
    for resource in shown:
        identity = resource.identity
        if identity in taken:
            identity = f"{resource.component}/{resource.kind}/{resource.namespace}/{resource.name}"
        taken.add(identity)
        unique.append(replace(resource, identity=identity, rows=tuple(_identified(resource.rows, identity))))
    return unique


def unfolded(shown: Iterable[ResourceDiff], lines: int | None = None) -> list[ResourceDiff]:
    """Open what is worth a look at once: what changed in place, up to `lines` lines of diff in all, and what has a problem."""
    left, found = lines, []
    for one in shown:
        is_open = bool(one.problems) or (one.change in AT_ONCE and (left is None or len(one.rows) <= left))
        if left is not None and is_open:
            left -= len(one.rows)
        found.append(replace(one, is_open=is_open))
    return found


def _resource(change: Any) -> ResourceDiff:
    component, kind, namespace, name = (
        str(_value(change, key) or "") for key in ("component", "kind", "namespace", "name")
    )
    rows = tuple(rows_of(str(_value(change, "diff") or "")))
    added = sum(row.kind == "added" for row in rows)
    removed = sum(row.kind == "removed" for row in rows)
    return ResourceDiff(
        component, kind, namespace, name, str(_value(change, "change") or "changed"), added, removed, rows, f"{component}/{kind}/{name}",
        tuple(map(str, _value(change, "problems") or ())),
    )  # fmt: skip


def _value(change: Any, key: str) -> Any:
    return change.get(key) if isinstance(change, Mapping) else getattr(change, key, None)


def _identified(rows: Iterable[Row], identity: str) -> Iterator[Row]:
    for row in rows:
        if row.kind == "hunk":
            yield row
        elif row.new is not None:
            yield replace(row, identity=f"{identity}:R{row.new}")
        else:
            yield replace(row, identity=f"{identity}:L{row.old}")


def rows_of(unified: str) -> list[Row]:
    """Parse the text of one resource's unified diff; file headers are left out, unknown lines are context."""
    rows: list[Row] = []
    old = new = 1
    in_hunk = False
    for line in unified.splitlines():
        hunk = _HUNK.match(line)
        if hunk:
            old, new, in_hunk = int(hunk[1]), int(hunk[2]), True
            rows.append(Row("hunk", ((hunk[3] or f"from line {new}", False),)))
        elif not in_hunk and line.startswith(("---", "+++")) or line.startswith("\\"):
            continue
        elif line.startswith("+"):
            rows.append(Row("added", ((line[1:], False),), None, new))
            new += 1
        elif line.startswith("-"):
            rows.append(Row("removed", ((line[1:], False),), old, None))
            old += 1
        else:
            rows.append(Row("context", ((line[1:], False),), old, new))
            old, new = old + 1, new + 1
    return _with_marks(rows)


def _with_marks(rows: list[Row]) -> list[Row]:
    """Mark what differs where as many lines came as went; pairs them in order."""
    marked = list(rows)
    start = 0
    while start < len(rows):
        removed = _run(rows, start, "removed")
        added = _run(rows, start + removed, "added")
        if removed and removed == added:
            for offset in range(removed):
                first, second = start + offset, start + removed + offset
                marked[first], marked[second] = _mark(rows[first], rows[second])
        start += max(removed + added, 1)
    return marked


def _run(rows: list[Row], start: int, kind: str) -> int:
    end = start
    while end < len(rows) and rows[end].kind == kind:
        end += 1
    return end - start


def _mark(before: Row, after: Row) -> tuple[Row, Row]:
    """Mark the middle that differs; lines that share too little stay unmarked."""
    old, new = before.text, after.text
    if max(len(old), len(new)) > MARK_LIMIT:
        return before, after
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if len(old.strip()) and head + tail <= len(old) - len(old.lstrip()):
        return before, after
    return replace(before, parts=_parts(old, head, tail)), replace(after, parts=_parts(new, head, tail))


def _parts(text: str, head: int, tail: int) -> tuple[tuple[str, bool], ...]:
    end = len(text) - tail
    parts = ((text[:head], False), (text[head:end], True), (text[end:], False))
    return tuple(part for part in parts if part[0])
