"""What will go wrong and when: the same seed gives the same plan, which is printed before it runs."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

RUNNERS = ("watch-0", "watch-1", "watch-2")


@dataclass(frozen=True)
class Disturbance:
    """`after` seconds since the one before: a kill, a pause past the lease, a foreign push, or faults of the sandbox."""

    after: float
    kind: str
    target: str = ""
    seconds: float = 0.0
    rules: list[dict[str, Any]] = field(default_factory=list, hash=False)

    def __str__(self) -> str:
        what = " ".join(
            part for part in (self.kind, self.target, f"{self.seconds:.1f} s" if self.seconds else "") if part
        )
        rules = ", ".join(f"{rule['effect']} {rule.get('path', rule.get('when', ''))}".strip() for rule in self.rules)
        return f"+{self.after:.2f} s  {what}  {rules}".rstrip()


SYNC = {"method": "POST", "path": "*/sync"}
FAULTS: tuple[list[dict[str, Any]], ...] = (
    [{"effect": "error", "status": 500, "when": "after", **SYNC, "probability": 0.5}],
    [{"effect": "error", "status": 500, "when": "before", **SYNC, "probability": 0.5}],
    [{"effect": "error", "status": 502, "when": "before", "method": "GET", "path": "*", "probability": 0.3}],
    [{"effect": "error", "status": 429, "retry_after": 1, "method": "GET", "path": "*", "probability": 0.3}],
    [{"effect": "reset", "when": "after", **SYNC, "probability": 0.5}],
    [{"effect": "reset", "when": "before", "method": "GET", "path": "*", "probability": 0.3}],
    [{"effect": "hold", "seconds": 1.0, **SYNC, "probability": 0.5}],
    [{"effect": "latency", "seconds": 0.5, "path": "*", "probability": 0.5}],
    [{"effect": "truncated", **SYNC, "probability": 0.5}],
    [{"effect": "stale-status", "seconds": 2}],
    [{"effect": "stale-status", "seconds": 2, "shows": "early"}],
    [{"effect": "slow-controller", "seconds": 2, "probability": 0.5}],
    [{"effect": "stream-cut", "probability": 0.3}],
    [{"effect": "stream-drop", "probability": 0.5}, {"effect": "stream-duplicate", "probability": 0.5}],
    [{"effect": "stream-reorder", "probability": 0.5}],
    [{"effect": "stream-silent", "seconds": 5, "next": 1}],
    [{"effect": "foreign-operation", "moment": "before-sync", "probability": 0.2}],
)


def make(seed: int, kills: int, environments: list[str]) -> list[Disturbance]:
    """So many kills with other disturbances between them, about one every half second."""
    chance = random.Random(seed)
    plan: list[Disturbance] = []
    for _ in range(kills):
        plan.append(Disturbance(chance.uniform(0.1, 0.8), "kill", chance.choice(RUNNERS)))
        draw = chance.random()
        if draw < 0.15:
            plan.append(
                Disturbance(chance.uniform(0, 0.3), "freeze", chance.choice(RUNNERS), seconds=chance.uniform(2.5, 4))
            )
        elif draw < 0.30:
            plan.append(Disturbance(chance.uniform(0, 0.3), "foreign push", chance.choice(environments)))
        elif draw < 0.75:
            plan.append(Disturbance(chance.uniform(0, 0.3), "faults", rules=chance.choice(FAULTS)))
        elif draw < 0.85:
            plan.append(Disturbance(chance.uniform(0, 0.3), "faults"))
    return plan
