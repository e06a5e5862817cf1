"""The rules that say what goes wrong: read, drawn by a seed, counted and written down. What they do stands elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sandbox.clock import nanosecond_stamp
from sandbox.documents import Document

REQUEST: dict[str, Document] = {
    "error": {"status": 500, "retry_after": 0, "when": "before"},
    "reset": {"when": "before"},
    "latency": {"seconds": 1.0, "when": "before"},
    "hang": {"seconds": 30.0, "when": "before"},
    "hold": {"seconds": 30.0},
    "truncated": {"connection": False},
    "drip": {"seconds": 10.0},
    "stale-answer": {"seconds": 10.0},
}
STREAM: dict[str, Document] = {
    "stream-cut": {"mid_line": False},
    "stream-silent": {"seconds": 90.0},
    "stream-drop": {},
    "stream-duplicate": {},
    "stream-reorder": {},
    "stream-huge": {"bytes": 1_000_000},
}
CONTROLLER: dict[str, Document] = {
    "stale-status": {"seconds": 10.0, "shows": "before"},
    "slow-controller": {"seconds": 10.0},
    "lost-operation": {"leaves": "nothing"},
    "foreign-operation": {"moment": "now", "seconds": 0.0, "by": "mert", "revision": ""},
    "foreign-termination": {"seconds": 0.0, "by": "mert"},
    "stuck-terminating": {"seconds": 600.0},
    "health-flap": {"seconds": 2.0, "status": "Degraded"},
    "unreachable-cluster": {},
    "unreachable-store": {},
    "restart": {"seconds": 2.0},
    "clock-skew": {"seconds": 600.0},
}
EFFECTS = REQUEST | STREAM | CONTROLLER
COMMON: Document = {"effect": "", "application": "*", "method": "*", "path": "*"}
COMMON |= {"probability": 1.0, "next": 0, "skip": 0}
CHOICES = {
    "when": ("before", "after"),
    "shows": ("before", "early"),
    "leaves": ("nothing", "running"),
    "moment": ("now", "before-sync", "after-sync"),
}
NAME_IN_PATH = re.compile(r"/api/v1/(?:stream/)?applications/([^/]+)")


class FaultError(Exception):
    """A rule that cannot be read; the text says which and why."""


@dataclass(eq=False)
class Rule:
    """One rule: what it matches, how often it fires, and the numbers of its effect."""

    number: int
    given: Document
    options: Document
    matched: Counter[str] = field(default_factory=Counter)
    fired: int = 0
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def effect(self) -> str:
        """The name of what happens."""
        return str(self.options["effect"])

    def __getitem__(self, name: str) -> Any:
        return self.options[name]

    def fits(self, application: str, method: str = "", path: str = "") -> bool:
        """Whether the rule speaks of this Application and request. A name pattern needs a name."""
        wanted = self.options
        if wanted["application"] != "*" and not (application and fnmatchcase(application, wanted["application"])):
            return False
        return fnmatchcase(method, wanted["method"]) and fnmatchcase(path, wanted["path"])

    def shown(self) -> Document:
        """The rule as it was given, and how often it has fired."""
        return self.given | {"fired": self.fired}


def parse_rule(number: int, given: Any) -> Rule:
    """A rule with all defaults filled in; FaultError for an unknown effect, key or value."""
    if not isinstance(given, dict) or given.get("effect") not in EFFECTS:
        raise FaultError(f"rule {number}: effect must be one of {', '.join(sorted(EFFECTS))}")
    known = COMMON | EFFECTS[given["effect"]]
    for key, value in given.items():
        if key not in known:
            raise FaultError(f"rule {number}: {given['effect']} knows no {key!r}; it knows {', '.join(sorted(known))}")
        _check_value(number, key, value, known[key])
    return Rule(number, dict(given), known | given)


def _check_value(number: int, key: str, value: Any, default: Any) -> None:
    wanted = (int, float) if isinstance(default, float) else type(default)
    fits = isinstance(value, wanted) and isinstance(value, bool) == isinstance(default, bool)
    if not fits or (key in CHOICES and value not in CHOICES[key]):
        names = " or ".join(CHOICES.get(key, (type(default).__name__,)))
        raise FaultError(f"rule {number}: {key} must be {names}, not {value!r}")


class Faults:
    """The rules that are switched on. Equal seeds and rules draw alike for each Application, in whatever order they come."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.seed = 0
        self.down_until = 0.0
        """Until this monotonic time nobody is at home (a restart)."""
        self.rules: list[Rule] = []
        self.changed: Callable[[], None] = lambda: None

    def replace(self, rules: list[Any], seed: int = 0) -> None:
        """Switch on these rules and no others; FaultError leaves the old ones."""
        parsed = [parse_rule(number, given) for number, given in enumerate(rules)]
        self.rules, self.seed = parsed, seed
        self.changed()

    def add(self, given: Any) -> None:
        """Switch on one rule more; the others keep their counts."""
        self.rules.append(parse_rule(len(self.rules), given))
        self.changed()

    def draw(
        self, effects: str | tuple[str, ...], application: str = "", method: str = "", path: str = "", **options: str
    ) -> Rule | None:
        """The first rule of these effects (and options) that fires now, or None."""
        wanted = (effects,) if isinstance(effects, str) else effects
        for rule in self.rules:
            if rule.effect not in wanted or any(rule.options.get(key) != value for key, value in options.items()):
                continue
            if rule.fits(application, method, path) and self.fires(rule, application):
                self.note(rule, application, method, path)
                return rule
        return None

    def standing(self, effect: str, application: str) -> Rule | None:
        """A rule that holds as long as it is switched on, without being drawn or counted."""
        found = (rule for rule in self.rules if rule.effect == effect and rule.fits(application))
        return next(found, None)

    def fires(self, rule: Rule, application: str) -> bool:
        """Draw once for a rule that fits; the count decides, not the time."""
        rule.matched[application] += 1
        count = rule.matched[application]
        if rule.matched.total() <= rule["skip"] or (rule["next"] and rule.fired >= rule["next"]):
            return False
        text = f"{self.seed}/{rule.number}/{application}/{count}"
        drawn = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
        return bool(drawn < rule["probability"])

    def note(self, rule: Rule, application: str = "", method: str = "", path: str = "", **more: object) -> None:
        """Count a firing and append it to the log of faults."""
        rule.fired += 1
        self.record(rule, application=application, method=method, path=path, **more)

    def record(self, rule: Rule, **more: object) -> None:
        """Append a line about a rule to the log of faults."""
        line = {"at": nanosecond_stamp(), "rule": rule.number, "effect": rule.effect}
        line |= {key: value for key, value in more.items() if value}
        with self.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")

    def shown(self) -> Document:
        """What is switched on."""
        return {"seed": self.seed, "rules": [rule.shown() for rule in self.rules]}


def application_of(path: str) -> str:
    """The Application that a request's path names, or an empty text."""
    found = NAME_IN_PATH.match(path)
    return found[1] if found else ""
