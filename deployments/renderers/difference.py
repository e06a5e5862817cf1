"""What a promotion changes: files before and after as objects, each with a unified diff that shows no secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Literal

from deployments.renderers.objects import CLUSTER
from deployments.renderers.redaction import readable

CONTEXT_LINES = 3
MAXIMUM_LINES = 600
MAXIMUM_COMPARED = 20_000
MAXIMUM_SHOWN = 1_500
MAXIMUM_LENGTH = 2_000
"""Characters of a line that are shown."""
MAXIMUM_TOGETHER = 1_000_000
"""Characters of all diffs that one answer to a page holds."""

_FILE = re.compile(
    r"(?P<component>[^/]+)/(?:(?P<shard>[0-9]{2})/)?(?P<namespace>[^/]+)/(?P<kind>[A-Z][A-Za-z0-9]*)-(?P<name>[^/]+)\.yaml\Z"
)
_GENERATED_NAME = re.compile(r"(?P<stem>.+)-[bcdfghkmt2456789]{10}\Z")
_REWRITTEN = "(The values are equal; only the way in which they are written differs.)"


@dataclass(frozen=True)
class Change:
    """One object; `namespace` is "" for cluster-wide ones, `added` and `removed` count lines, `diff` starts at `@@`.

    `shard` is "" but for tenants' references.
    """

    component: str
    kind: str
    namespace: str
    name: str
    change: Literal["new", "changed", "removed", "unchanged"]
    added: int
    removed: int
    diff: str
    shard: str = ""


def path_of(change: Change) -> str:
    """Where the object is in the deploy repository; "" for what is no object."""
    shard = f"{change.shard}/" if change.shard else ""
    return f"{change.component}/{shard}{change.namespace or CLUSTER}/{change.kind}-{change.name}.yaml"


def changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[Change]:
    """Every object of either side in the order of its path; both map `<component>/[<shard>/]<namespace>/<Kind>-<name>.yaml`.

    A ConfigMap whose generated name changed with its content is one changed object under its new name.
    """
    renamed = _renamed(before, after)
    gone = set(renamed.values())
    paths = sorted((before.keys() | after.keys()) - gone, key=lambda path: path.encode("utf-8"))
    return [_change(path, before.get(renamed.get(path, path)), after.get(path)) for path in paths]


def compared(before: bytes | None, after: bytes | None) -> tuple[int, int, str]:
    """Lines added, lines removed and the diff of one object's two sides, as in a `Change`."""
    return _compare(*readable(before, after))


def fitting(told: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The changes, as mappings with their `diff`; those that no page has room for say so instead."""
    left, found = MAXIMUM_TOGETHER, []
    for change in told:
        left -= len(change["diff"])
        found.append(change if left >= 0 else {**change, "diff": "(Not shown: too much differs for one page.)"})
    return found


def shown(content: bytes) -> str:
    """One object as text without secrets, capped."""
    lines = readable(content, content)[0].splitlines()
    if len(lines) > MAXIMUM_SHOWN:
        lines[MAXIMUM_SHOWN:] = [f"(… {len(lines) - MAXIMUM_SHOWN:,} more lines)"]
    return "\n".join(map(shown_line, lines))


def _renamed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, str]:
    """New path -> old path, where exactly one generated name left and exactly one with the same stem came."""
    left = _by_stem(before.keys() - after.keys())
    came = _by_stem(after.keys() - before.keys())
    return {came[stem][0]: paths[0] for stem, paths in left.items() if len(paths) == 1 and len(came.get(stem, ())) == 1}


def _by_stem(paths: set[str]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        folder, _, file = path.rpartition("/")
        match = _GENERATED_NAME.match(file.removesuffix(".yaml")) if file.startswith("ConfigMap-") else None
        if match:
            found.setdefault((folder, match["stem"]), []).append(path)
    return found


def _change(path: str, before: bytes | None, after: bytes | None) -> Change:
    place = _FILE.match(path)
    component, _, rest = path.partition("/")
    kind, namespace, name = (place["kind"], place["namespace"], place["name"]) if place else ("File", "", rest)
    namespace = "" if namespace == CLUSTER else namespace
    shard = (place["shard"] or "") if place else ""
    if before == after:
        return Change(component, kind, namespace, name, "unchanged", 0, 0, "", shard)
    added, removed, diff = compared(before, after)
    change: Literal["new", "changed", "removed"] = (
        "new" if before is None else "removed" if after is None else "changed"
    )
    return Change(component, kind, namespace, name, change, added, removed, diff, shard)


def _compare(before: str, after: str) -> tuple[int, int, str]:
    """Lines added, lines removed and the diff, capped with a count of what is left out."""
    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > MAXIMUM_COMPARED:
        return len(new), len(old), f"(Too long to compare here: {len(old):,} lines before, {len(new):,} after.)"
    lines = list(_body(old, new))
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    if not lines:
        return 0, 0, _REWRITTEN
    if len(lines) > MAXIMUM_LINES:
        lines[MAXIMUM_LINES:] = [f"(… {len(lines) - MAXIMUM_LINES:,} more lines)"]
    return added, removed, "\n".join(map(shown_line, lines))


def shown_line(line: str) -> str:
    """A line as it may be judged: what would show as nothing, or turn what follows around, is named; its end is counted."""
    cut = len(line) - MAXIMUM_LENGTH
    text = f"{line[:MAXIMUM_LENGTH]} (… {cut:,} more characters)" if cut > 0 else line
    return text if text.isprintable() else "".join(map(_named, text))


def _named(character: str) -> str:
    """A character that shows as itself, or its number: no odd space, mark or control looks like something else."""
    return character if character.isprintable() or character == "\t" else f"⟨U+{ord(character):04X}⟩"


def _body(old: list[str], new: list[str]) -> Iterator[str]:
    """The diff without its two lines of file names."""
    for number, line in enumerate(unified_diff(old, new, n=CONTEXT_LINES, lineterm="")):
        if number >= 2:
            yield line
