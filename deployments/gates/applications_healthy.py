"""Do not add to a fire: Applications are healthy before a promotion starts, or it is this promotion that mends them."""

from __future__ import annotations

from deployments.choices import Kind, Verdict
from deployments.gates.base import GateAnswer, Situation, gate

NAME, TITLE = "applications-healthy", "Applications healthy"


@gate(NAME, title=TITLE, kinds=frozenset({Kind.RELEASE}))
def applications_healthy(situation: Situation) -> GateAnswer:
    """Block on an unhealthy Application that the release leaves alone; one that it changes, or
    that differs from Git and is therefore synced, passes with a note."""
    name = situation.environment.name
    if len(situation.applications) < situation.component_count:
        return GateAnswer(
            gate=NAME, title=TITLE, verdict=Verdict.UNKNOWN, reason=f"{name} is not bootstrapped yet: Argo CD shows {len(situation.applications)} of {situation.component_count} Applications.",
            owner="administrators", remedy="Run `manage.py bootstrap`, and see that `manage.py watch` runs.",
        )  # fmt: skip
    if _is_silent(situation):
        return GateAnswer(
            gate=NAME, title=TITLE, verdict=Verdict.UNKNOWN, reason=f"Argo CD has not answered for {situation.silence_seconds:.0f} s.",
            owner="administrators", remedy="See `manage.py doctor`.",
        )  # fmt: skip
    bad = {one.component: one for one in situation.applications if one.health != "Healthy"}
    if not bad:
        return GateAnswer(
            gate=NAME,
            title=TITLE,
            verdict=Verdict.PASS,
            reason=f"All {len(situation.applications)} Applications are Healthy.",
        )
    words = ", ".join(f"{one.name} is {one.health or 'not observed'}" for one in bad.values())
    drifted = {component for component, one in bad.items() if one.sync == "OutOfSync"}  # synced though Git stays equal
    untouched = set(bad) - drifted - (situation.changed if situation.changed is not None else set(bad))
    if untouched:
        return GateAnswer(
            gate=NAME, title=TITLE, verdict=Verdict.BLOCK, reason=f"{words}, and this release does not change {', '.join(sorted(untouched))}.",
            owner="operators", remedy="Mend it first, or promote a release that changes it.",
        )  # fmt: skip
    return GateAnswer(
        gate=NAME,
        title=TITLE,
        verdict=Verdict.PASS,
        reason=f"{words}; this release may mend it."
        if situation.changed is None or drifted
        else f"{words}; this release changes it.",
    )


def _is_silent(situation: Situation) -> bool:
    return (
        situation.heard_at is None or (situation.now - situation.heard_at).total_seconds() > situation.silence_seconds
    )
