"""No release goes where it would meet tenants that are not ready: the gate names exactly those, what they lack and whose it is.

Parameters: `policy` is all (unless said), percentage (with `percentage`, how many of a hundred have to be ready) or warn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlpanel.catalog.parameters import unknown
from deployments.choices import Kind, Verdict
from deployments.gates.base import GateAnswer, Situation, gate
from deployments.selectors.tenants import Tenants, tenants_of

NAME, TITLE = "tenants-ready", "Tenants ready"
POLICIES = ("all", "percentage", "warn")
NAMED = 5
"""Tenants that the sentence names; programs get all of them."""


def _wrong(parameters: Mapping[str, Any]) -> list[str]:
    found = unknown(parameters, "policy", "percentage")
    policy, percentage = parameters.get("policy", "all"), parameters.get("percentage")
    if policy not in POLICIES:
        found.append(f"Its policy is one of {', '.join(POLICIES)}.")
    has_number = isinstance(percentage, (int, float)) and not isinstance(percentage, bool)
    if policy == "percentage" and not (has_number and 0 < percentage <= 100):  # type: ignore[operator]
        found.append("Its percentage is a number above 0 and up to 100.")
    if policy != "percentage" and percentage is not None:
        found.append("A percentage belongs to the policy percentage.")
    return found


@gate(NAME, title=TITLE, kinds=frozenset({Kind.RELEASE}), is_overridable=True, check=_wrong)
def tenants_ready(situation: Situation) -> GateAnswer:
    """Block, by the environment's policy, on active tenants that are not ready for this release."""
    found = _counted(situation) if situation.asked == "board" else _met(situation)
    if not found.total:
        return _answer(Verdict.PASS, f"{situation.environment.name} has no active tenants.")
    if found.ready == found.total:
        return _answer(Verdict.PASS, f"All {found.total} active tenants are ready.", extra={"tenants": found.facts()})
    return _short(situation, found)


def _short(situation: Situation, found: Tenants) -> GateAnswer:
    policy, wanted = situation.parameters.get("policy", "all"), situation.parameters.get("percentage", 100)
    missing = found.total - found.ready
    reason = f"{missing} of {found.total} active tenants {'is' if missing == 1 else 'are'} not ready{_named(found)}."
    extra = {"tenants": found.facts()}
    if policy == "warn":
        return _answer(Verdict.PASS, f"Only a warning here: {reason}", extra=extra)
    if policy == "percentage" and found.ready * 100 >= wanted * found.total:
        return _answer(
            Verdict.PASS, f"{found.ready} of {found.total} are enough ({wanted} % wanted). {reason}", extra=extra
        )
    if policy == "percentage":
        reason += f" {wanted} % have to be."
    remedy = "Complete and sign their checklists, waive an item, or override this gate with a reason."
    return _answer(Verdict.BLOCK, reason, remedy, owner="tenant owners", extra=extra)


def _met(situation: Situation) -> Tenants:
    return tenants_of(situation.environment, situation.release, situation.preflight)


def _named(found: Tenants) -> str:
    if not found.blocked:
        return ""
    names = [f"{one.slug} ({one.items[0].key})" if one.items else one.slug for one in found.blocked[:NAMED]]
    more = f" and {len(found.blocked) - NAMED} more" if len(found.blocked) > NAMED else ""
    return f": {', '.join(names)}{more}"


def _counted(situation: Situation) -> Tenants:
    counts = situation.tenants.get(situation.environment.name)
    return (
        Tenants(total=counts.total, ready=counts.ready, blocked=()) if counts else Tenants(total=0, ready=0, blocked=())
    )


def _answer(
    verdict: Verdict, reason: str, remedy: str = "", owner: str = "panel", extra: Mapping[str, Any] | None = None
) -> GateAnswer:
    return GateAnswer(
        gate=NAME, title=TITLE, verdict=verdict, reason=reason, remedy=remedy, owner=owner, extra=extra or {}
    )
