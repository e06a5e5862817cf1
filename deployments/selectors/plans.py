"""Promotions that are planned for later, and releases that are held back."""

from __future__ import annotations

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from deployments.choices import Planned
from deployments.models import PlannedPromotion, Release, ReleaseHold

SHOWN = 50


def plans_seen_by(actor: Actor) -> list[PlannedPromotion]:
    """What is planned in environments that the actor may see, soonest first, then the newest of what is over."""
    names = actor.environments(list(Environment.objects.values_list("name", flat=True)))
    rows = PlannedPromotion.objects.filter(environment__name__in=names)
    rows = rows.select_related("environment", "release", "promotion", "requester")
    planned = list(rows.filter(state=Planned.PLANNED)[:SHOWN])
    return planned + list(rows.exclude(state=Planned.PLANNED).order_by("-due_at")[: SHOWN - len(planned)])


def holds_of(release: Release) -> list[ReleaseHold]:
    """The holds of a release that stand."""
    return list(ReleaseHold.objects.filter(release=release, lifted_at__isnull=True).select_related("release"))
