"""One environment: its lane, its applications, its history."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.core.permissions import Right, declares
from controlpanel.core.sharing import shared
from controlpanel.core.views.answering import page
from deployments.selectors.environments import environment_of_page
from deployments.views.looks import look_of

TEMPLATE = "deployments/environment.html"


@declares(Right.VIEW)
@require_GET
@shared(look_of)
def environment(request: HttpRequest, name: str) -> HttpResponse:
    """What is live here, what is moving, what was before."""
    shown = environment_of_page(name, actor=of_request(request))
    return page(
        request,
        TEMPLATE,
        {
            "lane": shown.lane,
            "environment": shown.lane.environment,
            "history": shown.history,
            "lates": shown.lates,
            "applications": shown.applications,
        },
        fragments=("environment",),
    )
