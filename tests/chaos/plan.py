"""What will go wrong and when: the same seed gives the same plan, which is printed before it runs."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

RUNNERS = ("watch-0", "watch-1", "worker")
TARGETS = ("watch-0", "watch-0", "watch-1", "watch-1", "worker")
"""A worker takes two seconds to start: killed as often as the others it would never do anything."""


@dataclass(frozen=True)
class Disturbance:
    """What happens `after` seconds since the one before; `seconds` is how long a freeze or an outage lasts."""

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


OTHERS = (
    ("freeze", 12), ("foreign push", 12), ("faults", 38), ("no faults", 8), ("abort", 4), ("request", 4), ("rollback", 6),
    ("flush broker", 5), ("stop broker", 5), ("crash database", 3), ("nothing", 3),
)  # fmt: skip
"""What comes between kills, and how often in a hundred."""


def make(seed: int, kills: int, environments: list[str]) -> list[Disturbance]:
    """So many kills, about one every half second, each followed by one of the others."""
    chance = random.Random(seed)
    names, weights = zip(*OTHERS, strict=True)
    kinds = [*names, *chance.choices(names, weights, k=kills)][:kills]  # each of them at least once
    chance.shuffle(kinds)
    plan: list[Disturbance] = []
    for kind in kinds:
        plan.append(Disturbance(chance.uniform(0.1, 0.8), "kill", chance.choice(TARGETS)))
        if kind != "nothing":
            plan.append(_other(chance, kind, environments))
    return plan


def _other(chance: random.Random, kind: str, environments: list[str]) -> Disturbance:
    after = chance.uniform(0, 0.3)
    if kind == "freeze":
        return Disturbance(after, kind, chance.choice(TARGETS), seconds=chance.uniform(2.5, 4))
    if kind == "stop broker":
        return Disturbance(after, kind, seconds=chance.uniform(0.5, 5))
    if kind == "faults":
        return Disturbance(after, kind, rules=chance.choice(FAULTS))
    is_of_one = kind in ("foreign push", "abort", "request", "rollback")
    return Disturbance(after, kind, chance.choice(environments) if is_of_one else "")
