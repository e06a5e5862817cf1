"""What a gate is: a rule over our own rows that answers with a verdict and a sentence.

To add one: a file in this folder with one function and `@gate(...)`, an import in `gates/__init__.py`, its name in
`platform.yaml`, a test of pass, refusal and words. Gates never ask the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from controlpanel.catalog.models import Environment
from controlpanel.core.registry import Registry
from deployments.choices import Kind, Verdict
from deployments.models import Application, Preflight, Promotion, Release


@dataclass(frozen=True, kw_only=True)
class GateAnswer:
    """One gate's answer. `owner` is who can change it, `remedy` what to do, `opens_at` when it opens by itself."""

    gate: str
    title: str
    verdict: Verdict
    reason: str
    owner: str = "panel"
    remedy: str = ""
    opens_at: datetime | None = None

    @property
    def blocks(self) -> bool:
        """Whether it refuses; unknown refuses too."""
        return self.verdict in (Verdict.BLOCK, Verdict.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What gates look at: rows read beforehand in a constant number of queries.

    `succeeded` maps (environment, release) to when it first succeeded there; `open` are open promotions by environment.
    `asked` is board, request or start. `changed` are the components that the release changes, None where not rendered.
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
    parameters: Mapping[str, Any] = field(default_factory=dict)


Evaluate = Callable[[Situation], GateAnswer]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A registered rule, the kinds of promotion and the moments that it is asked for."""

    name: str
    title: str
    kinds: frozenset[Kind]
    asked: frozenset[str]
    evaluate: Evaluate


gates: Registry[Gate] = Registry("gate")
EVERYWHERE = frozenset({"board", "request", "start"})


def gate(
    name: str, *, title: str, kinds: frozenset[Kind] = frozenset(Kind), asked: frozenset[str] = EVERYWHERE
) -> Callable[[Evaluate], Evaluate]:
    """Register a rule under the name that `platform.yaml` uses."""

    def add(evaluate: Evaluate) -> Evaluate:
        gates.register(name)(Gate(name=name, title=title, kinds=kinds, asked=asked, evaluate=evaluate))
        return evaluate

    return add
