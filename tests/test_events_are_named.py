"""Every act that the code writes into the audit stands in the table of events, and in the documents: routes can name nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from deployments.choices import State
from deployments.notifications.events import EVENTS, ROLLED_BACK, STARTED

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "notifications.md"


def written() -> Iterator[tuple[str, str]]:
    """The file, and the name of the event, for each call that writes one by a constant name."""
    for package in ("controlpanel", "deployments", "tenants"):
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            chosen = dict(_chosen(tree))
            for node in ast.walk(tree):
                for name in _events(node, path, chosen) if isinstance(node, ast.Call) else ():
                    yield str(path.relative_to(ROOT)), name


def _chosen(tree: ast.AST) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names that are one text or another: `action = "rejected" if no else "approved"`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, (_constant(node.value.body), _constant(node.value.orelse))


def _events(call: ast.Call, path: Path, chosen: dict[str, tuple[str, ...]]) -> Iterator[str]:
    action = next((one.value for one in call.keywords if one.arg == "action"), None)
    if isinstance(action, ast.Name) and getattr(call.func, "attr", "") == "note":
        yield from (f"promotion.{act}" for act in chosen.get(action.id, ()) if act)
    elif name := _event(call, path):
        yield name


def _event(call: ast.Call, path: Path) -> str:
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if function not in ("record", "note", "_record"):
        return ""
    if "action" in given:
        return ("promotion." if function == "note" else "") + _constant(given["action"])
    act = next(filter(None, map(_constant, call.args[1:3])), "")  # our shorthands: (actor, act), (actor, row, act)
    return f"tenant.{act}" if act and "." not in act and path.is_relative_to(ROOT / "tenants") else act


def _constant(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_event_that_the_code_writes_stands_in_the_table() -> None:
    found = set(written())
    assert len(found) > 20, "The code is not read as it is written any more."
    strangers = sorted(
        (file, name) for file, name in found if name.rstrip(".") and name != "promotion." and name not in EVENTS
    )
    assert strangers == [], "Add a row to EVENTS in deployments/notifications/events.py, and to docs/notifications.md."


def test_every_row_of_the_table_is_written_somewhere() -> None:
    by_state = {f"promotion.{state.value}" for state in State} | {STARTED, ROLLED_BACK}
    text = "\n".join(
        path.read_text("utf-8") for package in ("controlpanel", "deployments", "tenants") for path in (ROOT / package).rglob("*.py")
        if path.name != "events.py" or path.parent.name != "notifications"
    )  # fmt: skip
    unwritten = [
        name
        for name in EVENTS.keys() - by_state
        if f'"{name}"' not in text and f'"{name.partition(".")[2]}"' not in text
    ]
    assert unwritten == []


def test_the_document_holds_the_table() -> None:
    wanted = "\n".join(f"| `{name}` | {words} |" for name, words in EVENTS.items())
    assert wanted in PAGE.read_text("utf-8"), f"docs/notifications.md must hold:\n{wanted}"
