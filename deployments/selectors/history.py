"""Promotions as a list: what a filter of the page asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date

from django.db.models import Q, QuerySet

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from deployments.choices import OPEN, TERMINAL
from deployments.models import Promotion

GROUPS: Mapping[str, Sequence[str]] = {"open": OPEN, "ended": TERMINAL}
"""Words of the filter that stand for several states."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a list is narrowed to; "" and None narrow nothing. `state` is one state, or open or ended; the dates are
    days in UTC, both included, on which a promotion was asked for."""

    environment: str = ""
    release: str = ""
    state: str = ""
    kind: str = ""
    requester: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def named(self) -> list[str]:
        """The names of what narrows, in the order of the form."""
        return [one.name for one in fields(self) if getattr(self, one.name)]


def promotions_listed(actor: Actor, wanted: Wanted | None = None) -> QuerySet[Promotion]:
    """Promotions of environments that the actor may see, with what a row shows."""
    chosen = wanted or Wanted()
    rows = Promotion.objects.select_related("environment", "release", "requester").defer("plan")
    names = actor.environments(list(Environment.objects.values_list("name", flat=True)))
    rows = rows.filter(environment__name__in=[name for name in names if chosen.environment in ("", name)])
    return rows.filter(_what(chosen), _who_and_when(chosen))


def _what(wanted: Wanted) -> Q:
    found = Q(release__version__icontains=wanted.release) if wanted.release else Q()
    found &= Q(kind=wanted.kind) if wanted.kind else Q()
    return found & (Q(state__in=GROUPS.get(wanted.state, (wanted.state,))) if wanted.state else Q())


def _who_and_when(wanted: Wanted) -> Q:
    """A person by the account's name or the one that pages show; a token by its name."""
    name = wanted.requester
    found = Q(requested_by__icontains=name) | Q(requester__display_name__icontains=name) if name else Q()
    found &= Q(created_at__date__gte=wanted.since) if wanted.since else Q()
    return found & (Q(created_at__date__lte=wanted.until) if wanted.until else Q())
