"""Many tenants at once from CSV or YAML, with a dry run that shows what would change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from controlpanel.accounts.actors import Actor


@dataclass(frozen=True, kw_only=True)
class Change:
    """One tenant of the text. `change` is created, changed or unchanged; `details` says each difference in words."""

    slug: str
    change: Literal["created", "changed", "unchanged"]
    details: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with a line (counted from 1) of the text; `sentence` never repeats the value."""

    line: int
    field: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import did or, as a dry run, would do; with problems it does nothing."""

    is_dry_run: bool
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = field(default=())


def tenants_import(*, actor: Actor, text: str, format: Literal["csv", "yaml"], dry_run: bool) -> Imported:
    """Create and change the tenants that the text names, all or none; others stay as they are. The same text twice changes
    nothing the second time. Raises `InvalidError` for a text that cannot be read at all."""
    raise NotImplementedError
