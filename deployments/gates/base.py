"""What a gate is: a rule over our own rows that answers with a verdict and a sentence.

To add one: a file in this folder with one function and `@gate(...)`, an import in `gates/__init__.py`, its name in
`platform.yaml`, a test of pass, refusal and words. Gates never ask the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controlpanel.catalog.models import Environment
from controlpanel.catalog.parameters import unknown
from controlpanel.core.presentation.wording import about
from controlpanel.core.registry import Registry
from deployments.choices import Kind, State, Verdict
from deployments.models import Application, ExternalCheck, Freeze, Preflight, Promotion, Release, ReleaseHold
from deployments.selectors.approvals import Word, asks_nobody
from tenants.selectors.readiness import Counts


@dataclass(frozen=True, kw_only=True)
class GateAnswer:
    """One gate's answer. `owner` is who can change it, `remedy` what to do, `opens_at` when it opens by itself.

    `extra` is what a refusal tells programs besides, by name.
    """

    gate: str
    title: str
    verdict: Verdict
    reason: str
    owner: str = "panel"
    remedy: str = ""
    opens_at: datetime | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blocks(self) -> bool:
        """Whether it refuses; unknown refuses too."""
        return self.verdict in (Verdict.BLOCK, Verdict.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Proven:
    """What the newest success of a release somewhere proved: the promotion's number, title and state of each check."""

    number: int
    checks: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What gates look at: rows read beforehand in a constant number of queries.

    `succeeded` maps (environment, release) to when it first succeeded there, `proven` to what was verified; `open` are open
    promotions by environment. `asked` is board, request, start or wave (between two of them). `changed` are the components that
    the release changes, None where not rendered.
    `tenants` counts active tenants and the ready ones among them by environment. `overrides` are what was asked to be let
    through, `approvals` the words on this promotion, `freezes` all that stand, `holds`
    those of the releases that were read, `check` what an external check
    said of this one. `goes_back`: the environment's policy is about to ask for a rollback there. `usual` are the seconds that a
    release takes, by environment.
    """

    asked: str
    kind: Kind
    release: Release | None
    environment: Environment
    applications: tuple[Application, ...]
    open: Mapping[str, tuple[Promotion, ...]]
    succeeded: Mapping[tuple[str, int], datetime]
    committed_at: datetime | None
    heard_at: datetime | None
    now: datetime
    silence_seconds: float
    component_count: int
    preflight: Preflight | None = None
    promotion: Promotion | None = None
    changed: frozenset[str] | None = None
    tenants: Mapping[str, Counts] = field(default_factory=dict)
    proven: Mapping[tuple[str, int], Proven] = field(default_factory=dict)
    overrides: Sequence[Mapping[str, str]] = ()
    is_emergency: bool = False
    approvals: Sequence[Word] = ()
    freezes: Sequence[Freeze] = ()
    holds: Sequence[ReleaseHold] = ()
    goes_back: bool = False
    check: ExternalCheck | None = None
    usual: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def left_of(self, other: Promotion) -> str:
        """ "about 3 min" that another promotion usually still takes; "" where that is not known, and away from the board: what is
        kept with a promotion says no time that passes."""
        usual = self.usual.get(other.environment.name)
        if self.asked != "board" or usual is None or other.started_at is None or other.state == State.PAUSED:
            return ""
        return about(usual - (self.now - other.started_at).total_seconds())

    def decides(self, other: Promotion) -> str:
        """What a promotion that is in flight means for one that waits for its proof, and about when."""
        left = self.left_of(other)
        return f"Promotion {other.number} {f'should decide in {left}' if left else 'will decide'}."

    @property
    def exemption(self) -> str:
        """Why neither approvals nor freezes hold it, as the beginning of a sentence; "" where they do."""
        if self.is_emergency:
            return "An emergency"
        by_policy = self.promotion is not None and asks_nobody(self.promotion)
        return "Started by the environment's policy" if by_policy else ""


Evaluate = Callable[[Situation], GateAnswer]
Check = Callable[[Mapping[str, Any]], list[str]]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A registered rule, the kinds of promotion and the moments that it is asked for.

    `is_overridable`: a named role may let it pass, with a reason and until a moment. `check` finds what is wrong with the
    parameters in the catalog, in one sentence each.
    """

    name: str
    title: str
    kinds: frozenset[Kind]
    asked: frozenset[str]
    evaluate: Evaluate
    is_overridable: bool = False
    check: Check = unknown


gates: Registry[Gate] = Registry("gate")
UNRENDERED = "Waits for the rendered diff."
"""What every gate says that looks at rendered manifests, until they are there."""
EVERYWHERE = frozenset({"board", "request", "start"})


def gate(
    name: str,
    *,
    title: str,
    kinds: frozenset[Kind] = frozenset(Kind),
    asked: frozenset[str] = EVERYWHERE,
    is_overridable: bool = False,
    check: Check = unknown,
) -> Callable[[Evaluate], Evaluate]:
    """Register a rule under the name that `platform.yaml` uses."""

    def add(evaluate: Evaluate) -> Evaluate:
        made = Gate(
            name=name,
            title=title,
            kinds=kinds,
            asked=asked,
            evaluate=evaluate,
            is_overridable=is_overridable,
            check=check,
        )
        gates.register(name)(made)
        return evaluate

    return add
