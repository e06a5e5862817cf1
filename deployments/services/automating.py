"""Automatic promotion: where an environment asks for it, the newest release that may go there is asked for by the panel."""

from __future__ import annotations

import structlog
from django.db.models import Max

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import UserError
from deployments import gates
from deployments.choices import Kind, State
from deployments.models import Promotion, Release
from deployments.services.promotions import promotion_request

log = structlog.get_logger(__name__)
AUTOMATION = Actor(name="automation", door="automation", is_system=True)
NEWEST = 5
"""Releases that are looked at, newest first; older ones are nobody's wish any more."""
REASON = "Asked for by the environment's policy of automatic promotion."


def promotions_automatic() -> int:
    """Ask for what may go on by itself; a release is tried once in an environment. Returns how many were asked for."""
    places = list(Environment.objects.filter(promotes_automatically=True, is_retired=False))
    return sum(_ask(place) for place in places)


def _ask(place: Environment) -> bool:
    candidate = _candidate(place)
    if candidate is None or any(answer.blocks for answer in gates.for_targets([(candidate, place)])[0]):
        return False
    try:
        promotion_request(actor=AUTOMATION, environment=place.name, release=candidate.version, reason=REASON)
    except UserError as refusal:  # somebody was faster; the next round looks again
        log.info("automation_waits", environment=place.name, release=candidate.version, why=str(refusal))
        return False
    return True


def _candidate(place: Environment) -> Release | None:
    """The newest release behind the newest one that was ever promoted there; a failed one is a person's to try again."""
    tried = Promotion.objects.filter(environment=place, kind=Kind.RELEASE).exclude(state=State.SUPERSEDED)
    newest = tried.aggregate(newest=Max("release_id"))["newest"]
    rows = Release.objects.order_by("-pk")[:NEWEST]
    fresh = [row for row in rows if newest is None or row.pk > newest]
    if not place.after:
        return fresh[0] if fresh else None
    done = Promotion.objects.filter(
        environment__name=place.after, release__in=fresh, state=State.SUCCEEDED, kind=Kind.RELEASE
    )
    succeeded = set(done.values_list("release", flat=True))
    return next((row for row in fresh if row.pk in succeeded), None)
