"""The catalog: `platform.yaml` as loaded, and what was wrong with it, by file and line."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import page
from deployments.renderers.redaction import without_secrets
from deployments.selectors.catalog import HEIGHT, WIDTH, catalog_of_page

TEMPLATE = "settings/catalog.html"


@declares(Right.CATALOG_VIEW)
@require_GET
def catalog(request: HttpRequest) -> HttpResponse:
    """Environments, components, waves and variables in force."""
    actor = of_request(request)
    actor.require(Right.CATALOG_VIEW)
    shown = catalog_of_page(actor)
    problems = [
        {**problem, "text": without_secrets(problem["text"])}
        for problem in (shown.refused.problems if shown.refused else ())
    ]
    context = {
        "shown": shown,
        "document": shown.document,
        "problems": problems,
        "box": {"width": WIDTH, "height": HEIGHT},
    }
    return page(request, TEMPLATE, context)
