"""The pipeline board, the page that everything starts from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Right, declares
from controlpanel.core.sharing import shared
from controlpanel.core.views.answering import fragment_of, page
from controlpanel.core.views.paging import clears
from deployments import gates
from deployments.choices import Kind
from deployments.gates.freeze import frozen_words
from deployments.models import Freeze
from deployments.selectors import board
from deployments.selectors.freezes import Reach, coming, holding
from deployments.selectors.interface import environments_seen_by
from deployments.views.looks import look_of
from deployments.views.outlook import Offer, main_of, offers

TEMPLATE = "deployments/pipeline.html"
SOON = timedelta(days=7)
"""A freeze that comes later than this is not on the board yet."""
FILTERS = (("", "All"), ("waiting", "Waiting"), ("used", "In use"))


@declares(Right.SIGNED_IN)
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The board; whoever sees nothing but tenants begins with those."""
    actor = of_request(request)
    if actor.may(Right.TENANT_VIEW) and not actor.may(Right.VIEW):
        return HttpResponseRedirect(reverse("tenants"))
    actor.require(Right.VIEW)
    return pipeline(request)


@shared(look_of)
def pipeline(request: HttpRequest) -> HttpResponse:
    """What is where, and what can go next."""
    actor = of_request(request)
    context = _board(actor, environments_seen_by(actor), request.GET.get("releases", ""))
    context["clears"] = clears(request, {"releases": "show"})
    target = fragment_of(request)
    column = next((one for one in context["columns"] if one["id"] == target), None)
    if column is not None:
        return page(request, f"{TEMPLATE}#column", {**context, "column": column})
    return page(request, TEMPLATE, context, fragments=("releases",))


def _board(actor: Actor, environments: list[Environment], wanted: str) -> dict[str, Any]:
    releases = board.newest_releases()
    facts = gates.facts_of(environments, releases)
    ends = board.ends_of(environments, releases)
    usual = {pk: place["usual"] for pk, place in facts.places.items()}
    shown = board.lanes(
        environments, releases, ends, facts.applications, facts.open, facts.succeeded, facts.tenants, usual
    )
    targets = [(release, lane.environment) for lane in shown for release in lane.candidates]
    offered = offers(targets, actor=actor, facts=facts)
    return {
        "columns": [_column(lane, offered, facts.freezes) for lane in shown],
        "main": main_of(offered),
        "is_moving": any(lane.active for lane in shown),
        "strip": board.strip(releases, shown, ends, wanted),
        "has_releases": bool(releases),
        "filters": [
            {"label": label, "href": f"?releases={value}" if value else "?", "current": value == wanted}
            for value, label in FILTERS
        ],
        "component_count": max((len(lane.rows) for lane in shown), default=0),
        "heard_at": max((place["heard_at"] for place in facts.places.values() if place["heard_at"]), default=None),
        "may_create": actor.may(Right.RELEASE_CREATE),
    }


def _column(lane: board.Lane, offered: list[Offer], freezes: Sequence[Freeze]) -> dict[str, Any]:
    name, now = lane.environment.name, timezone.now()
    here = Reach(environment=name, kind=Kind.RELEASE)
    held, comes = holding(freezes, here, now), coming(freezes, here, now)
    return {
        "frozen": [frozen_words(one) for one in held[:3]],
        "freezes_next": comes if comes and comes.at - now < SOON else None,
        "id": f"environment-{name}",
        "lane": lane,
        "offers": [one for one in offered if one.environment.name == name],
    }
