"""So many people of the named roles have looked at exactly this digest and said yes; whoever asked is none of them.

Parameters: `required` (1 unless said), `roles` (all that may approve), `api` (false: on pages only), `signInMinutes` (15; how
old a sign-in may be at a page, 0: any), `expireHours` (72; for how long it is waited, and for how long an approval holds).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlpanel.catalog.parameters import not_whole, unknown
from deployments.choices import Verdict
from deployments.gates.base import GateAnswer, Situation, gate
from deployments.selectors.approvals import GATE, ROLES, Policy, policy_from

NAME, TITLE = GATE, "Approved"
NUMBERS = {"required": (1, 20), "signInMinutes": (0, 24 * 60), "expireHours": (1, 24 * 90)}


def _wrong(parameters: Mapping[str, Any]) -> list[str]:
    found = unknown(parameters, *NUMBERS, "roles", "api")
    for name, (least, most) in NUMBERS.items():
        found += not_whole(parameters, name, least=least, most=most, otherwise=least)
    roles = parameters.get("roles", list(ROLES))
    if not isinstance(roles, list) or not roles or any(role not in ROLES for role in roles):
        found.append(f"Its roles are some of {', '.join(ROLES)}.")
    if not isinstance(parameters.get("api", True), bool):
        found.append("Its api is true or false.")
    return found


@gate(NAME, title=TITLE, asked=frozenset({"request", "start"}), check=_wrong)
def approvals(situation: Situation) -> GateAnswer:
    """Wait until enough hold; it may be asked for meanwhile."""
    policy = policy_from(situation.parameters)
    if situation.exemption:
        return GateAnswer(
            gate=NAME, title=TITLE, verdict=Verdict.PASS, reason=f"{situation.exemption}: nobody is asked before."
        )
    given = [word.approval for word in situation.approvals if word.counts]
    if len(given) >= policy.required:
        names = " and ".join(str(one.person) for one in given)
        return GateAnswer(gate=NAME, title=TITLE, verdict=Verdict.PASS, reason=f"Approved by {names}.")
    return GateAnswer(
        gate=NAME, title=TITLE, verdict=Verdict.WAIT, owner=f"{policy.roles[0]}s", reason=missing_words(policy, len(given)),
        remedy="Somebody with that role opens the promotion and approves; whoever asked cannot.",
    )  # fmt: skip


def missing_words(policy: Policy, given: int) -> str:
    """ "Needs 2 approvals of release manager or administrator, 1 is there." """
    plural = "s" if policy.required > 1 else ""
    there = f", {given} {'is' if given == 1 else 'are'} there" if given or policy.required > 1 else ""
    return f"Needs {policy.required} approval{plural} of {policy.whose}{there}."
