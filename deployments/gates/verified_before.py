"""What the environment before has proved of a release opens the next one: evidence, not success alone."""

from __future__ import annotations

from deployments.choices import Check, Kind, Verdict
from deployments.gates.base import GateAnswer, Proven, Situation, gate

NAME, TITLE = "verified-before", "Verified there"
WORDS = {Check.SKIPPED: "was not checked", Check.IGNORED: "failed and was ignored"}


@gate(NAME, title=TITLE, kinds=frozenset({Kind.RELEASE}), is_overridable=True)
def verified_before(situation: Situation) -> GateAnswer:
    """Pass where every check of the release's newest success in the environment before has passed."""
    before, release = situation.environment.after, situation.release
    if not before or release is None:
        return _answer(Verdict.PASS, "The first environment of the pipeline.")
    found = situation.proven.get((before, release.pk))
    if found is not None and found.checks and not _open(found):
        return _answer(
            Verdict.PASS, f"{', '.join(title for title, _ in found.checks)} passed in promotion {found.number}."
        )
    return _answer(
        Verdict.BLOCK, _missing(situation, before, found),
        f"Promote {release.version} to {before} {'again' if found else 'first'}, or override this gate with a reason.",
    )  # fmt: skip


def _open(found: Proven) -> list[str]:
    return [
        f"{title} {WORDS.get(Check(state), 'has not passed')}" for title, state in found.checks if state != Check.PASSED
    ]


def _missing(situation: Situation, before: str, found: Proven | None) -> str:
    if found is not None:
        what = "; ".join(_open(found)) or "nothing was asked"
        return f"Not proved in {before} by promotion {found.number}: {what}."
    assert situation.release is not None
    rows = situation.open.get(before, ())
    deciding = next((one for one in rows if one.release_id == situation.release.pk), None)
    return f"Not verified in {before} yet." + (f" {situation.decides(deciding)}" if deciding else "")


def _answer(verdict: Verdict, reason: str, remedy: str = "") -> GateAnswer:
    owner = "operators" if verdict == Verdict.BLOCK else "panel"
    return GateAnswer(gate=NAME, title=TITLE, verdict=verdict, reason=reason, remedy=remedy, owner=owner)
