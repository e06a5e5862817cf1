"""What would be committed holds to the policies of the platform."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.choices import Kind, PreflightState, Verdict
from deployments.gates.base import UNRENDERED, GateAnswer, Situation, gate
from deployments.policies import policies

NAME, TITLE = "policies", "Policies hold"
KINDS = frozenset({Kind.RELEASE})
"""A rollback puts back what ran before, whatever was asked for since."""


@gate(NAME, title=TITLE, kinds=KINDS, asked=frozenset({"request"}))
def policies_hold(situation: Situation) -> GateAnswer:
    """Block while there is a finding of any policy but those `without` which the catalog asks; the first is named."""
    preview = situation.preflight
    if preview is None or preview.state != PreflightState.READY:
        return _answer(Verdict.UNKNOWN, UNRENDERED)
    without = left_out(situation.parameters)
    findings = [one for one in preview.findings if one["policy"] not in without]
    asked = len(list(policies)) - len(without)
    if not findings:
        return _answer(Verdict.PASS, f"All {asked} hold.")
    first = findings[0]
    more = f" {len(findings) - 1} more are on the release's page." if len(findings) > 1 else ""
    reason = f"{first['object']}: {first['rule']}{more}"
    return _answer(Verdict.BLOCK, reason, f"{first['fix']} Then make a new release.", owner="release author")


def left_out(parameters: Mapping[str, Any]) -> frozenset[str]:
    """The policies that an environment does not ask; a name that is none is left aside."""
    given = parameters.get("without")
    return frozenset(str(name) for name in given if name in policies) if isinstance(given, list) else frozenset()


def _answer(verdict: Verdict, reason: str, remedy: str = "", owner: str = "panel") -> GateAnswer:
    return GateAnswer(gate=NAME, title=TITLE, verdict=verdict, reason=reason, remedy=remedy, owner=owner)
