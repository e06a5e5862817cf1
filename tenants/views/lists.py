"""The list of tenants, the grid tenant × environment, and both as CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Right, declares
from controlpanel.core.spreadsheets import line
from controlpanel.core.views.answering import page
from controlpanel.core.views.paging import pages, without
from tenants.choices import TenantState
from tenants.forms import TenantFilter
from tenants.models import Readiness
from tenants.selectors.askable import checklist_keys
from tenants.selectors.listing import Filter, Row, tenants_export, tenants_portion, tenants_served
from tenants.selectors.readiness import readiness_counts
from tenants.selectors.seeing import environments_visible
from tenants.views.tenant import chosen_of

TEMPLATE = "tenants/tenants.html"
LISTED = 50
STALE = re.compile(r"The sign-off of .* is stale")
WORDS = {
    "text": "search",
    "readiness": "readiness",
    "environment": "environment",
    "missing": "missing key",
    "state": "state",
}
"""How the page calls each filter."""
PARAMETERS = {"text": "q"}
READINESS = [
    ("", "any"), ("ready", "ready"), ("not-ready", "not ready"), ("stale", "a sign-off is stale"), ("unsigned", "not signed"),
    ("waived", "an item is waived"), ("pending", "a change is pending"),
]  # fmt: skip


@declares(Right.TENANT_VIEW)
@require_GET
def tenants(request: HttpRequest) -> HttpResponse:
    """All tenants that the reader may see, not ready first."""
    actor = of_request(request)
    actor.require(Right.TENANT_VIEW)
    environments = environments_visible(actor)
    wanted, chosen, here = _wanted(request, environments)
    rows, following = _rows(actor, here, environments, chosen, request.GET.get("cursor", ""))
    is_grid = request.GET.get("view") == "grid"
    context = {
        "rows": rows, "environments": environments, "here": here, "is_grid": is_grid, "counts": _counts(actor, environments),
        "sees_all": actor.tenants() is None, "may_edit": actor.may(Right.TENANT_EDIT), **pages(request, following),
        **_controls(wanted, environments, request), "views": _views(request, is_grid=is_grid), "keep": {"view": "grid"} if is_grid else {},
        "clears": [{"label": WORDS[name], "href": without(request, PARAMETERS.get(name, name))} for name, value in wanted.items() if value],
        "export_url": f"{reverse('tenants_export')}?{_query(request)}", "shown_words": f"{len(rows)} shown, at most {LISTED} on a page",
    }  # fmt: skip
    return page(request, TEMPLATE, context, fragments=("list", "counts"))


@declares(Right.TENANT_VIEW)
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """The filtered list as CSV, all of it: names of keys and places of nothing."""
    actor = of_request(request)
    actor.require(Right.TENANT_VIEW)
    environments = environments_visible(actor)
    _, chosen, here = _wanted(request, environments)
    lines = tenants_export(actor, here, environments, chosen) if here else iter(())
    response = HttpResponse("".join(map(line, lines)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="tenants-{timezone.localdate():%Y-%m-%d}.csv"'
    return response


def _wanted(
    request: HttpRequest, environments: Sequence[Environment]
) -> tuple[dict[str, str], Filter, Environment | None]:
    """What the address asks for, and the environment that the list is about: the one named, else the last."""
    form = TenantFilter(request.GET)
    form.is_valid()
    wanted = {name: str(form.cleaned_data.get(name, "")) for name in WORDS}
    here = chosen_of(wanted["environment"], environments)
    return wanted, Filter(**{name: text for name, text in wanted.items() if name != "environment"}), here


def _rows(
    actor: Actor, here: Environment | None, environments: Sequence[Environment], chosen: Filter, cursor: str
) -> tuple[list[dict[str, Any]], str | None]:
    if here is None:
        return [], None
    portion = tenants_portion(actor, here, environments, chosen, cursor=cursor, limit=LISTED)
    return [_row(one, environments, here) for one in portion.rows], portion.following


def _row(row: Row, environments: Sequence[Environment], here: Environment) -> dict[str, Any]:
    address = reverse("tenant", args=[row.tenant.slug])
    place = row.readiness[here.name]
    return {
        "tenant": row.tenant, "here": place, "owner_name": str(row.owner or row.tenant.owner), "signed": signed(place),
        "last_event_at": row.hub.last_event_at if row.hub else None, "url": f"{address}?{urlencode({'environment': here.name})}",
        "missing": missing_words(place), "cells": [_cell(row.readiness.get(one.name), one, address) for one in environments],
    }  # fmt: skip


def _cell(place: Readiness | None, environment: Environment, address: str) -> dict[str, Any]:
    if place is None:
        return {"environment": environment, "place": None}
    waits = f"{place.pending} pending" if place.pending else ""
    first = f"{place.first_missing}: {missing_words(place)}" if place.first_missing else ""
    return {
        "environment": environment, "place": place, "value": "ready" if place.is_ready else "not_ready",
        "figures": f"{place.met}/{place.required}", "words": ", ".join(filter(None, [first, waits])),
        "url": f"{address}?{urlencode({'environment': environment.name})}",
    }  # fmt: skip


def missing_words(place: Readiness) -> str:
    """What is wrong with the first key that is missing, in a few words, and how many sign-offs are stale."""
    reason = place.first_reason.partition(":")[0].partition(".")[0]
    stale = f"{place.stale} stale" if place.stale and not STALE.search(reason) else ""
    return ", ".join(filter(None, [_lowered(STALE.sub("sign-off stale", reason)), stale]))


def _lowered(words: str) -> str:
    return words[:1].lower() + words[1:]


def signed(place: Readiness) -> str:
    """The word of the sign-offs of a place, of the vocabulary `tenant`."""
    if place.stale:
        return "stale"
    return "not_signed" if place.unsigned or place.signed_at is None else "signed_off"


def _counts(actor: Actor, environments: Sequence[Environment]) -> dict[str, Any]:
    counted = readiness_counts(environments, actor=None if actor.tenants() is None else actor)
    places = [
        {"environment": one, "total": counted[one.name].total, "ready": counted[one.name].ready} for one in environments
    ]
    return {"served": tenants_served(actor).count(), "places": places}


def _controls(wanted: dict[str, str], environments: Sequence[Environment], request: HttpRequest) -> dict[str, Any]:
    """The search field and the selects of the filter, with what was chosen."""
    keys = [("", "any"), *((key, key) for key in checklist_keys())]
    states = [("", "served"), *((state.value, state.value) for state in TenantState)]
    places = [("", "all"), *((one.name, one.name) for one in environments)]
    return {
        "search": {
            "name": "q", "value": wanted["text"], "placeholder": "Search slug, name or owner", "target": "list", "here": request.path,
        },
        "selects": [
            {"name": "readiness", "label": "Readiness", "value": wanted["readiness"], "choices": READINESS},
            {"name": "environment", "label": "Environment", "value": wanted["environment"], "choices": places},
            {"name": "missing", "label": "Missing key", "value": wanted["missing"], "choices": keys},
            {"name": "state", "label": "State", "value": wanted["state"], "choices": states},
        ],
    }  # fmt: skip


def _views(request: HttpRequest, *, is_grid: bool) -> list[dict[str, Any]]:
    query = request.GET.copy()
    query.pop("view", None)
    as_list = f"?{query.urlencode()}"
    query["view"] = "grid"
    return [
        {"label": "List", "href": as_list, "current": not is_grid, "count": None},
        {"label": "Grid", "href": f"?{query.urlencode()}", "current": is_grid, "count": None},
    ]


def _query(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("cursor", None)
    return query.urlencode()
