"""Every variable that the platform cannot run without is set or referenced in what would be committed."""

from __future__ import annotations

from deployments.choices import Kind, PreflightState, Verdict
from deployments.gates.base import UNRENDERED, GateAnswer, Situation, gate

NAME, TITLE = "required-variables", "Required variables present"
KINDS = frozenset({Kind.RELEASE})
"""A rollback must not be kept from what ran before by a variable that was asked for later."""


@gate(NAME, title=TITLE, kinds=KINDS, asked=frozenset({"request"}))
def required_variables(situation: Situation) -> GateAnswer:
    """Block while one is missing; the first few are named."""
    preview = situation.preflight
    if preview is None or preview.state != PreflightState.READY:
        return _answer(Verdict.UNKNOWN, UNRENDERED)
    missing = [one["key"] for one in preview.variables if one["state"] == "missing"]
    if not missing:
        count = len(preview.variables)
        return _answer(Verdict.PASS, f"All {count} are set or referenced." if count else "The catalog asks for none.")
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    is_one = len(missing) == 1
    reason = f"{', '.join(missing[:3])}{more} {'is' if is_one else 'are'} neither set nor referenced in any manifest."
    remedy = (
        f"Set {'it' if is_one else 'them'} in a ConfigMap or a container's env, or reference {'it' if is_one else 'them'} "
        f"from a secret, for {situation.environment.name}; then make a new release."
    )
    return _answer(Verdict.BLOCK, reason, remedy, owner="release author")


def _answer(verdict: Verdict, reason: str, remedy: str = "", owner: str = "panel") -> GateAnswer:
    return GateAnswer(gate=NAME, title=TITLE, verdict=verdict, reason=reason, remedy=remedy, owner=owner)
