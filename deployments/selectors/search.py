"""Finding anything by what people know of it: a version, a number, a name, the beginning of a commit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import Case, Q, QuerySet, Value, When

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.catalog.models import Environment
from deployments.models import Application, Promotion, Release
from deployments.selectors.interface import environments_seen_by
from tenants.models import Tenant
from tenants.selectors.listing import tenants_found

EACH = 8
"""Hits of one kind; more are named by what narrows them."""
LONGEST = 100
COMMIT = re.compile(r"[0-9a-f]{4,40}")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What matches, each kind at most `EACH` times; `commits` are promotions by the commit that they wrote."""

    releases: tuple[Release, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    commits: tuple[Promotion, ...] = ()
    applications: tuple[Application, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    environments: tuple[Environment, ...] = ()
    people: tuple[User, ...] = ()

    @property
    def count(self) -> int:
        """How many hits there are in all."""
        deployed = (self.releases, self.promotions, self.commits, self.applications)
        return sum(map(len, (*deployed, self.tenants, self.environments, self.people)))


def search(text: str, actor: Actor) -> Found:
    """Everything that the actor may see and that holds the text, the exact one first; six queries."""
    words = text.strip()[:LONGEST]
    if not words:
        return Found()
    places = environments_seen_by(actor)
    promotions = list(_promotions(words, places))
    return Found(
        releases=tuple(_releases(words)[:EACH]),
        promotions=tuple(row for row in promotions if not _by_commit(row, words))[:EACH],
        commits=tuple(row for row in promotions if _by_commit(row, words))[:EACH],
        applications=tuple(_applications(words, places)[:EACH]),
        tenants=tuple(tenants_found(actor, words, EACH)),
        environments=tuple(place for place in places if _holds(place, words)),
        people=tuple(_people(words)[:EACH]),
    )


def _releases(words: str) -> QuerySet[Release]:
    match = Q(version__icontains=words) | Q(title__icontains=words)
    match |= Q(commit__startswith=words.lower()) if COMMIT.fullmatch(words.lower()) else Q()
    return Release.objects.filter(match).order_by(_exact_first(version__iexact=words), "-pk")


def _promotions(words: str, places: list[Environment]) -> list[Promotion]:
    number = words.removeprefix("#")
    is_number = number.isascii() and number.isdigit() and len(number) < 19
    match = Q(reason__icontains=words) | (Q(number=int(number)) if is_number else Q())
    match |= Q(commit__startswith=words.lower()) if COMMIT.fullmatch(words.lower()) else Q()
    first = _exact_first(number=int(number)) if is_number else Value(0)
    rows = Promotion.objects.filter(match, environment__in=places).select_related("environment", "release", "requester")
    return list(rows.defer("plan").order_by(first, "-number")[: 2 * EACH])


def _by_commit(row: Promotion, words: str) -> bool:
    wanted = words.lower()
    return (
        bool(COMMIT.fullmatch(wanted)) and row.commit.startswith(wanted) and str(row.number) != words.removeprefix("#")
    )


def _applications(words: str, places: list[Environment]) -> QuerySet[Application]:
    rows = Application.objects.filter(name__icontains=words, environment__in=places).select_related("environment")
    return rows.order_by(_exact_first(name__iexact=words), "name")


def _people(words: str) -> QuerySet[User]:
    match = Q(username__icontains=words) | Q(display_name__icontains=words)
    return User.objects.filter(match, is_active=True).order_by(_exact_first(username__iexact=words), "username")


def _holds(place: Environment, words: str) -> bool:
    return any(words.lower() in text.lower() for text in (place.name, place.title, place.branch))


def _exact_first(**match: object) -> Case:
    return Case(When(**match, then=Value(0)), default=Value(1))
