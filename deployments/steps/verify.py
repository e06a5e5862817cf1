"""verifying: the end of a promotion; the registered verifications come here."""

from __future__ import annotations

from controlpanel.core.crashpoints import crashpoint
from deployments.choices import Confidence, Rollout, State
from deployments.steps.base import Context, Outcome, move_to


def run(context: Context) -> Outcome:
    """Nothing is registered to verify yet: what rolled out and stayed healthy has succeeded."""
    promotion = context.promotion
    crashpoint("finish.before_move")
    ignored = promotion.rollouts.filter(is_ignored=True).values_list("component", flat=True)
    proved = promotion.rollouts.filter(state=Rollout.DONE, is_ignored=False).count()
    words = f"{promotion.release} is live in {promotion.environment.name}: {proved} Applications Synced and Healthy."
    if ignored:
        words += f" Not proved, ignored by a person: {', '.join(ignored)}."
    confidence = Confidence.UNKNOWN if ignored else Confidence.OBSERVED
    return move_to(State.SUCCEEDED, words, live_revision=promotion.commit, confidence=confidence)
