"""One promotion at a time in an environment; the next one waits its turn."""

from __future__ import annotations

from deployments.choices import IN_LANE, WAITING, Kind, State, Verdict
from deployments.gates.base import GateAnswer, Situation, gate
from deployments.models import Promotion
from deployments.selectors.approvals import asks_nobody

NAME, TITLE = "lane-free", "Lane free"


@gate(NAME, title=TITLE, kinds=frozenset({Kind.RELEASE, Kind.TENANT_CONFIG}))
def lane_free(situation: Situation) -> GateAnswer:
    """Wait while another promotion holds the lane or stands before this one in the queue, and while the environment is about
    to be rolled back by its policy: what started in between would be called off by that, or undone."""
    ahead = next(
        (
            other
            for other in situation.open.get(situation.environment.name, ())
            if _is_ahead(other, situation.promotion)
        ),
        None,
    )
    if ahead is None and situation.goes_back:
        where = situation.environment.name
        return _waits(f"Will wait its turn: the policy of {where} is about to roll it back.")
    if ahead is None:
        return GateAnswer(
            gate=NAME,
            title=TITLE,
            verdict=Verdict.PASS,
            reason=f"Nothing else is in flight in {situation.environment.name}.",
        )
    holds = "holds" if ahead.state in (*IN_LANE, State.CANCELING) else "waits before this one in"
    left = situation.left_of(ahead) if holds == "holds" else ""
    more = f" for {left} more" if left else ""
    paused = " It is paused and waits for a person." if ahead.state == State.PAUSED else ""
    return _waits(f"Will wait its turn: promotion {ahead.number} {holds} {situation.environment.name}{more}.{paused}")


def _waits(reason: str) -> GateAnswer:
    remedy = "Nothing to do: it starts by itself."
    return GateAnswer(gate=NAME, title=TITLE, verdict=Verdict.WAIT, owner="panel", remedy=remedy, reason=reason)


def _is_ahead(other: Promotion, own: Promotion | None) -> bool:
    if own is None:
        return True
    if other.pk == own.pk:
        return False
    if other.state not in WAITING or (other.kind == Kind.ROLLBACK and asks_nobody(other)):
        return True
    return other.state == State.QUEUED and other.number < own.number
