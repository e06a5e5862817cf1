"""What items with an outside source have in common: they read what a worker saw last."""

from __future__ import annotations

from tenants.checklist.base import Facts, Finding
from tenants.choices import OBSERVATION_MAX_AGE, ItemState


def observed(facts: Facts, what: str) -> Finding:
    """Met or failing as last seen; open where nobody looked, no answer came, or that was too long ago."""
    seen = facts.observation
    if seen is None or seen.at is None:
        return Finding(state=ItemState.OPEN, evidence=f"Nobody has looked yet whether {what}.")
    if seen.is_met is None:
        return Finding(state=ItemState.OPEN, evidence=seen.evidence or "No answer came.")
    until = seen.at + OBSERVATION_MAX_AGE
    if until <= facts.now:
        return Finding(state=ItemState.OPEN, evidence=f"Nobody has looked lately whether {what}.")
    return Finding(
        state=ItemState.MET if seen.is_met else ItemState.FAILING, evidence=seen.evidence, until=until,
    )  # fmt: skip
