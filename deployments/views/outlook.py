"""What stands between a release and an environment, in the one line that the board shows under its button."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Right
from deployments.choices import Kind, Verdict
from deployments.gates import Facts, GateAnswer, asked_later, for_targets
from deployments.models import Release
from deployments.services.overriding import may_be_overridden

MAY_NOT = "You may look but not promote: ask a release manager."


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A release that could go to an environment: whether it may be asked for, and the reason either way."""

    release: Release
    environment: Environment
    is_open: bool
    reason: str
    shape: str
    is_decided: bool = False
    """Whether a gate refuses that the reader may let pass."""

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
    decides = actor.may(Right.GATE_OVERRIDE, environment.name)
    decided = may_be_overridden(environment, Kind.RELEASE) if decides else []
    is_open, reason, shape = outlook(answers, may=may, later=asked_later(environment), decided=decided)
    is_decided = is_open and any(answer.blocks for answer in answers)
    return Offer(
        release=release, environment=environment, is_open=is_open, reason=reason, shape=shape, is_decided=is_decided
    )


def main_of(offered: Sequence[Offer]) -> str:
    """The id of the board's one primary button: the way furthest on that is open, rather one that nobody has to decide about."""
    ways = sorted((offer for offer in offered if offer.is_open), key=lambda offer: not offer.is_decided)
    return ways[-1].id if ways else ""


def outlook(
    answers: Sequence[GateAnswer], *, may: bool, later: int = 0, decided: Collection[str] = ()
) -> tuple[bool, str, str]:
    """Whether to offer the button, the sentence under it, and its icon.

    `later` gates are asked once it is rendered; those named in `decided` the reader may let pass where they refuse.
    """
    if not may:
        return False, MAY_NOT, "lock"
    blocking = [answer for answer in answers if answer.blocks]
    for answer in blocking:
        if answer.gate not in decided:
            return False, f"Blocked: {lowered(answer.reason)}", "info"
    count = f"{len(answers) - len(blocking)} of {len(answers) + later} gates pass"
    if blocking:
        return True, f"{count}. You decide about {_named(blocking)}", "triangle"
    waiting = next((answer for answer in answers if answer.verdict == Verdict.WAIT), None)
    if waiting is not None:
        return True, waiting.reason, "clock"
    rest = f", {later} {'is' if later == 1 else 'are'} asked after rendering" if later else ""
    return True, f"{count}{rest}.", "circle-check"


def _named(refusing: Sequence[GateAnswer]) -> str:
    """One gate with its reason, several by title."""
    if len(refusing) == 1:
        return f"{refusing[0].title}: {lowered(refusing[0].reason)}"
    return f"{', '.join(answer.title for answer in refusing[:-1])} and {refusing[-1].title}."


def lowered(sentence: str) -> str:
    """The sentence to stand after a colon: names and abbreviations keep their capitals."""
    first = sentence.split(" ", 1)[0]
    return sentence[:1].lower() + sentence[1:] if first in ("Not", "All", "Nothing", "Waits", "Preview") else sentence
