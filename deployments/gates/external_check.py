"""Somebody else's service has said yes; a worker asks it, and an answer that is too old makes this unknown.

Parameters: `urlFrom` and `secretFrom` (`{env: NAME}`), `title` (what people call the service), `maxAgeSeconds` (300 unless said).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlpanel.catalog.parameters import not_whole, unknown
from deployments.choices import Kind, Verdict
from deployments.gates.base import GateAnswer, Situation, gate
from deployments.selectors.checks import LONGEST, MAX_AGE, NAME

TITLE = "External check"


def _wrong(parameters: Mapping[str, Any]) -> list[str]:
    found = unknown(parameters, "urlFrom", "secretFrom", "title", "maxAgeSeconds")
    for name in ("urlFrom", "secretFrom"):
        place = parameters.get(name)
        if not (isinstance(place, dict) and list(place) == ["env"] and isinstance(place["env"], str) and place["env"]):
            found.append(f"Its {name} names a variable: {{env: NAME}}.")
    found += not_whole(parameters, "maxAgeSeconds", least=30, most=LONGEST, otherwise=MAX_AGE)
    if not isinstance(parameters.get("title", ""), str):
        found.append("Its title is a text.")
    return found


@gate(
    NAME,
    title=TITLE,
    kinds=frozenset({Kind.RELEASE}),
    asked=frozenset({"request", "start"}),
    is_overridable=True,
    check=_wrong,
)
def external_check(situation: Situation) -> GateAnswer:
    """What it said, in its own words."""
    title = situation.parameters.get("title") or TITLE
    found = situation.check
    max_age = situation.parameters.get("maxAgeSeconds", MAX_AGE)
    age = None if found is None or found.answered_at is None else (situation.now - found.answered_at).total_seconds()
    if found is None or age is None or age > max_age:
        said = found.error if found is not None and found.error else "It is being asked."
        return _answer(title, Verdict.UNKNOWN, f"{title} has not answered within {max_age} s. {said}", owner="administrators",
                       remedy="See the service, and the variables that its gate names.")  # fmt: skip
    if found.verdict == Verdict.PASS:
        return _answer(title, Verdict.PASS, found.reason)
    return _answer(
        title, Verdict(found.verdict), found.reason, owner=title, opens_at=found.opens_at,
        remedy="Settle it there; it is asked again by itself. A release manager may override this gate with a reason.",
    )  # fmt: skip


def _answer(title: str, verdict: Verdict, reason: str, **more: Any) -> GateAnswer:
    return GateAnswer(gate=NAME, title=title, verdict=verdict, reason=reason, **more)
