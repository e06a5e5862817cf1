"""Rules of this project that no linter knows, checked on the syntax tree of every Python file.

Each rule names what it forbids, where it is allowed all the same, and why.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from script.development.paths import ROOT

PLACES = ("controlpanel", "deployments", "tenants", "sandbox", "script", "manage.py")


@dataclass(frozen=True)
class Rule:
    """What a syntax node may not be; `allowed` are the files (relative, POSIX) where it may."""

    name: str
    reason: str
    matches: Callable[[ast.AST], bool]
    allowed: tuple[str, ...] = ()


def _called(node: ast.AST) -> str:
    """The last name of what is called: `retry` for `self.retry(...)`; "" for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _keywords(node: ast.AST) -> set[str]:
    return {keyword.arg or "" for keyword in node.keywords} if isinstance(node, ast.Call) else set()


def _names(node: ast.AST) -> set[str]:
    """The names that a node uses or imports."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, ast.ImportFrom):
        return {alias.name for alias in node.names}
    return set()


def _is_inner_import(function: ast.AST) -> bool:
    """Whether a function imports something of ours inside its body; `AppConfig.ready` must, by Django's order of start."""
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or function.name == "ready":
        return False
    ours = ("controlpanel", "deployments", "tenants", "sandbox")
    return any(
        isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ours for node in ast.walk(function)
    )


RULES = (
    Rule(
        "no delayed task",
        "eta and countdown are held in a worker's memory and lost with it; write the row's next_run_at",
        lambda node: _called(node) in ("apply_async", "send_task") and bool(_keywords(node) & {"eta", "countdown"}),
    ),
    Rule(
        "no retry by Celery",
        "a lost message would lose the work; the row says when it is due again",
        lambda node: _called(node) == "retry" and bool(_keywords(node) & {"exc", "eta", "countdown", "max_retries"}),
    ),
    Rule(
        "no chord and no result",
        "PostgreSQL is the truth about what was done",
        lambda node: bool(_names(node) & {"chord", "AsyncResult"}),
    ),
    Rule(
        "no mark_safe",
        "text from outside is always shown as text; use format_html",
        lambda node: bool(_names(node) & {"mark_safe"}) or _called(node) in ("SafeString", "SafeText"),
    ),
    Rule(
        "streams are few",
        "a stream keeps its database connection unless it is let go first",
        lambda node: _called(node) == "StreamingHttpResponse",
        ("controlpanel/core/views/events.py", "controlpanel/core/views/streaming.py", "deployments/api/events.py"),
    ),
    Rule(
        "no import inside a function",
        "it hides a cycle between our packages",
        _is_inner_import,
    ),
)


def broken_rules(source: str, filename: str) -> Iterator[str]:
    """Say "file:line: rule (reason)" for each place of the source that breaks a rule."""
    for node in ast.walk(ast.parse(source, filename)):
        for rule in RULES:
            if filename not in rule.allowed and rule.matches(node):
                yield f"{filename}:{getattr(node, 'lineno', 1)}: {rule.name} ({rule.reason})"


def _files(root: Path) -> Iterator[Path]:
    for place in PLACES:
        path = root / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def main() -> int:
    """Print every broken rule and return 1 when there is one."""
    found = [
        text
        for path in _files(ROOT)
        for text in broken_rules(path.read_text("utf-8"), path.relative_to(ROOT).as_posix())
    ]
    print("\n".join(found) or f"{len(RULES)} rules are kept.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
