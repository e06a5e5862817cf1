"""Reading one environment for its page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Subquery, Value
from django.db.models.functions import Coalesce

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import AbsentError
from controlpanel.core.permissions import Right
from deployments.choices import OPEN, State
from deployments.models import Application, Promotion, PromotionComponent
from deployments.selectors.board import Lane, ends_of, lanes
from deployments.selectors.rollouts import in_catalog_order

HISTORY = 20
LATES = 5


@dataclass(frozen=True, kw_only=True)
class EnvironmentPage:
    """The lane as on the board, the Applications as observed, and the newest promotions."""

    lane: Lane
    applications: tuple[Application, ...]
    history: tuple[Promotion, ...]
    lates: tuple[PromotionComponent, ...]


def environment_of_page(name: str, *, actor: Actor) -> EnvironmentPage:
    """Read it in six queries. Raises `AbsentError` for an absent or foreign one."""
    place = Environment.objects.filter(name=name, is_retired=False).first()
    if place is None or not actor.may(Right.VIEW, name):
        raise AbsentError(f"There is no environment {name[:63]}, or it is not yours to see.", "See the pipeline.")
    rows = Promotion.objects.filter(environment=place).select_related("environment", "release", "requester")
    history = tuple(rows.order_by("-number")[:HISTORY])
    opened = tuple(rows.filter(state__in=OPEN).order_by("number"))
    applications = tuple(in_catalog_order(Application.objects.filter(environment=place)))
    shown = lanes([place], (), ends_of([place], ()), {place.pk: applications}, {name: opened}, {}, {})
    return EnvironmentPage(lane=shown[0], applications=applications, history=history, lates=_lates(place))


def _lates(place: Environment) -> tuple[PromotionComponent, ...]:
    """Requests that landed late since the last promotion succeeded, newest first."""
    succeeded = Promotion.objects.filter(environment=place, state=State.SUCCEEDED).order_by("-finished_at")
    since = Coalesce(Subquery(succeeded.values("finished_at")[:1]), Value(datetime(1970, 1, 1, tzinfo=UTC)))
    rows = PromotionComponent.objects.filter(promotion__environment=place, late_at__gt=since)
    return tuple(rows.select_related("promotion").order_by("-late_at")[:LATES])
