"""A release that somebody holds back goes nowhere until it is let go."""

from __future__ import annotations

from deployments.choices import Kind, Verdict
from deployments.gates.base import GateAnswer, Situation, gate

NAME, TITLE = "held-back", "Not held back"


@gate(NAME, title=TITLE, kinds=frozenset({Kind.RELEASE}), is_overridable=True)
def held_back(situation: Situation) -> GateAnswer:
    """Block with the words of whoever holds it."""
    release = situation.release
    mine = [one for one in situation.holds if release is not None and one.release_id == release.pk]
    here = next((one for one in mine if one.environment in ("", situation.environment.name)), None)
    if release is None or here is None:
        return GateAnswer(gate=NAME, title=TITLE, verdict=Verdict.PASS, reason="Nobody holds it back.")
    return GateAnswer(
        gate=NAME, title=TITLE, verdict=Verdict.BLOCK, owner=here.created_by,
        reason=f"{release.version} is held back{f' from {here.environment}' if here.environment else ''}: {here.reason}",
        remedy="Have a release manager let it go, or override this gate with a reason.",
    )  # fmt: skip
