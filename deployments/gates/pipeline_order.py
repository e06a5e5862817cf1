"""A release goes through the environments in their order."""

from __future__ import annotations

from deployments.choices import Kind, Verdict
from deployments.gates.base import GateAnswer, Situation, gate

NAME, TITLE = "pipeline-order", "Verified in order"


@gate(NAME, title=TITLE, kinds=frozenset({Kind.RELEASE}))
def pipeline_order(situation: Situation) -> GateAnswer:
    """Pass where the environment before has seen the release succeed."""
    before, release = situation.environment.after, situation.release
    if not before or release is None:
        return GateAnswer(gate=NAME, title=TITLE, verdict=Verdict.PASS, reason="The first environment of the pipeline.")
    at = situation.succeeded.get((before, release.pk))
    if at is not None:
        return GateAnswer(
            gate=NAME, title=TITLE, verdict=Verdict.PASS, reason=f"Succeeded in {before} at {at:%d %b %H:%M} UTC."
        )
    deciding = next((open for open in situation.open.get(before, ()) if open.release_id == release.pk), None)
    reason = f"Not verified in {before} yet."
    if deciding is not None:
        reason += f" {situation.decides(deciding)}"
    return GateAnswer(
        gate=NAME,
        title=TITLE,
        verdict=Verdict.BLOCK,
        reason=reason,
        owner="operators",
        remedy=f"Promote {release.version} to {before} first.",
    )
