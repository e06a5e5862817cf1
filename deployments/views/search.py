"""Search: one field that finds releases, promotions, applications, environments, commits and people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import page
from controlpanel.core.views.paging import clears
from deployments.selectors.search import EACH, LONGEST, search

TEMPLATE = "deployments/search.html"


@declares(Right.VIEW)
@require_GET
def find(request: HttpRequest) -> HttpResponse:
    """What matches `q`, by kind."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    text = request.GET.get("q", "").strip()[:LONGEST]
    found = search(text, actor)
    box = {"name": "q", "value": text, "placeholder": "Version, number, name or commit"}
    return page(
        request,
        TEMPLATE,
        {"text": text, "found": found, "each": EACH, "search": box, "clears": clears(request, {"q": "search"})},
    )
