"""How many of our syncs an Argo CD works on: its controller has few workers, and a longer queue only hides the waiting."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.models import CharField, Exists, OuterRef, Q
from django.db.models.functions import Cast

from controlpanel.core.lease import StatementTime
from deployments.choices import OPEN, Rollout, State
from deployments.models import Application, PromotionComponent

MOST_IN_FLIGHT = 25
TURN_SECONDS, LONGEST_TURN_SECONDS = 2.0, 30.0
"""Until the next look whether there is room: so long for every 25 that wait, since they all look."""
UNSEEN = timedelta(seconds=60)
"""An accepted operation counts for so long before `watch` has shown it."""


def room_for_one(server_from: str) -> bool:
    """Whether one more may be sent. Those who ask take turns until their transaction ends, so that two do not both count 24."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"syncs of {server_from}"])
    return in_flight(server_from) < MOST_IN_FLIGHT


def turn_seconds(server_from: str) -> float | None:
    """Seconds until asking for a place is worth while; None where there is one now, as far as can be told without a lock."""
    if in_flight(server_from) < MOST_IN_FLIGHT:
        return None
    waiting = PromotionComponent.objects.filter(
        promotion__environment__server_from=server_from, promotion__state=State.SYNCING, state=Rollout.WAITING
    )
    return min(LONGEST_TURN_SECONDS, TURN_SECONDS * max(1.0, waiting.count() / MOST_IN_FLIGHT))


def in_flight(server_from: str) -> int:
    """Rollouts whose operation was sent and is not known to have ended."""
    rows = PromotionComponent.objects.filter(
        promotion__environment__server_from=server_from, promotion__state__in=OPEN, sync_intended_at__isnull=False
    )
    marker = Cast(OuterRef("promotion_id"), CharField())
    observed = Application.objects.filter(name=OuterRef("application"))
    runs = Exists(observed.filter(operation_running=True, operation_marker=marker))
    unseen = Q(started_at__gt=StatementTime() - UNSEEN) & ~Exists(observed.filter(operation_marker=marker))
    accepted = Q(state=Rollout.ROLLING_OUT) & (Q(runs) | unseen)
    return rows.filter(Q(state=Rollout.SYNCING) | accepted).count()
