"""What stands between a release and an environment, in the one line that the board shows under its button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Right
from deployments.choices import Verdict
from deployments.gates import Facts, GateAnswer, asked_later, for_targets
from deployments.models import Release

MAY_NOT = "You may look but not promote: ask a release manager."


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A release that could go to an environment: whether it may be asked for, and the reason either way."""

    release: Release
    environment: Environment
    is_open: bool
    reason: str
    shape: str

    @property
    def id(self) -> str:
        """The id of its button."""
        return f"promote-{self.environment.name}-{self.release.pk}"


def offers(targets: Sequence[tuple[Release, Environment]], *, actor: Actor, facts: Facts) -> list[Offer]:
    """One offer for each target; no query."""
    answers = for_targets(targets, facts=facts) if targets else []
    return [_offer(release, place, found, actor) for (release, place), found in zip(targets, answers, strict=True)]


def _offer(release: Release, environment: Environment, answers: Sequence[GateAnswer], actor: Actor) -> Offer:
    may = actor.may(Right.PROMOTION_REQUEST, environment.name)
    is_open, reason, shape = outlook(answers, may=may, later=asked_later(environment))
    return Offer(release=release, environment=environment, is_open=is_open, reason=reason, shape=shape)


def outlook(answers: Sequence[GateAnswer], *, may: bool, later: int = 0) -> tuple[bool, str, str]:
    """Whether to offer the button, the sentence under it, and its icon; `later` gates are asked once it is rendered."""
    if not may:
        return False, MAY_NOT, "lock"
    blocking = next((answer for answer in answers if answer.blocks), None)
    if blocking is not None:
        return False, f"Blocked: {lowered(blocking.reason)}", "info"
    waiting = next((answer for answer in answers if answer.verdict == Verdict.WAIT), None)
    if waiting is not None:
        return True, waiting.reason, "clock"
    rest = f", {later} {'is' if later == 1 else 'are'} asked after rendering" if later else ""
    return True, f"{len(answers)} of {len(answers) + later} gates pass{rest}.", "circle-check"


def lowered(sentence: str) -> str:
    """The sentence to stand after a colon: names and abbreviations keep their capitals."""
    first = sentence.split(" ", 1)[0]
    return sentence[:1].lower() + sentence[1:] if first in ("Not", "All", "Nothing", "Waits", "Preview") else sentence
