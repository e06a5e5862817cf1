"""A release proves itself for a while in the environment before.

Parameter: `minutes`, how long ago it has to have succeeded there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from controlpanel.catalog.parameters import unknown
from deployments.choices import Kind, Verdict
from deployments.gates.base import GateAnswer, Situation, gate

NAME, TITLE = "soak", "Soaked"
MOST = 60 * 24 * 30


def _wrong(parameters: Mapping[str, Any]) -> list[str]:
    found = unknown(parameters, "minutes")
    minutes = parameters.get("minutes")
    if isinstance(minutes, bool) or not isinstance(minutes, int) or not 0 < minutes <= MOST:
        found.append(f"Its minutes are a whole number from 1 to {MOST}.")
    return found


@gate(NAME, title=TITLE, kinds=frozenset({Kind.RELEASE}), is_overridable=True, check=_wrong)
def soak(situation: Situation) -> GateAnswer:
    """Block until it has been there for long enough; the moment is known."""
    before, release, wanted = situation.environment.after, situation.release, situation.parameters["minutes"]
    if not before or release is None:
        return _answer(Verdict.PASS, "The first environment of the pipeline.")
    at = situation.succeeded.get((before, release.pk))
    if at is None:
        return _answer(
            Verdict.BLOCK, f"Has not succeeded in {before} yet, where it has to stay for {wanted} min.", owner="operators",
            remedy=f"Promote {release.version} to {before} first.",
        )  # fmt: skip
    opens = at + timedelta(minutes=wanted)
    if opens <= situation.now:
        return _answer(Verdict.PASS, f"In {before} since {at:%d %b %H:%M} UTC, {wanted} min are enough.")
    return _answer(
        Verdict.BLOCK, f"Has to stay in {before} for {wanted} min, until {opens:%d %b %H:%M} UTC.", owner="panel", opens_at=opens,
        remedy="Wait until then, or have a release manager override it with a reason.",
    )  # fmt: skip


def _answer(verdict: Verdict, reason: str, **more: Any) -> GateAnswer:
    return GateAnswer(gate=NAME, title=TITLE, verdict=verdict, reason=reason, **more)
