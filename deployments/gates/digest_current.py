"""What is asked for is what was shown: the rendered digest of a preview that is not out of date."""

from __future__ import annotations

from deployments.choices import PreflightState, Verdict
from deployments.gates.base import UNRENDERED, GateAnswer, Situation, gate

NAME, TITLE = "digest-current", "Preview is current"


@gate(NAME, title=TITLE, asked=frozenset({"request"}))
def digest_current(situation: Situation) -> GateAnswer:
    """Block a preview that another commit to the environment has overtaken; unknown until one is rendered."""
    preview = situation.preflight
    if preview is None or preview.state == PreflightState.RENDERING:
        return GateAnswer(gate=NAME, title=TITLE, verdict=Verdict.UNKNOWN, reason=UNRENDERED)
    if preview.state == PreflightState.FAILED:
        return GateAnswer(
            gate=NAME,
            title=TITLE,
            verdict=Verdict.BLOCK,
            reason=preview.error,
            owner="release author",
            remedy=preview.remedy,
        )
    overtaken = (
        situation.committed_at is not None
        and preview.ready_at is not None
        and situation.committed_at > preview.ready_at
    )
    if overtaken:
        return GateAnswer(
            gate=NAME, title=TITLE, verdict=Verdict.BLOCK, owner="you", remedy="Review the new diff.",
            reason=f"Preview is out of date: {situation.environment.name} has changed since you looked.",
        )  # fmt: skip
    short = f"{preview.render_digest[:4]}…{preview.render_digest[-4:]}"
    return GateAnswer(
        gate=NAME, title=TITLE, verdict=Verdict.PASS, reason=f"Digest {short} is what would be committed."
    )
