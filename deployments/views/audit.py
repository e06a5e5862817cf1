"""The audit log: who did what."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.keyset import portion
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import page
from controlpanel.core.views.paging import pages, without
from deployments.selectors.audits import entries

TEMPLATE = "deployments/audit.html"
LISTED = 50
FAMILIES = ("promotion", "release", "user", "token", "catalog")


@declares(Right.AUDIT_VIEW)
@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """Entries of the chain, newest first; it never scrolls by itself."""
    actor = of_request(request)
    actor.require(Right.AUDIT_VIEW)
    who, action, environment = (request.GET.get(name, "")[:100] for name in ("who", "action", "environment"))
    rows = entries(actor, who=who.strip(), action=action, environment=environment)
    found, following = portion(rows, by="sequence", cursor=request.GET.get("cursor", ""), limit=LISTED)
    names = actor.environments(list(Environment.objects.values_list("name", flat=True)), Right.AUDIT_VIEW)
    actions = [*FAMILIES, *([action] if action and action not in FAMILIES else [])]
    context = {
        "entries": found, **pages(request, following), "clears": [{"label": name, "href": without(request, name)} for name in ("who", "action", "environment") if request.GET.get(name)],
        "search": {"name": "who", "value": who, "placeholder": "Who, by account name"},
        "selects": [
            {"name": "action", "label": "Action", "value": action, "choices": [("", "any"), *((name, name) for name in actions)]},
            {"name": "environment", "label": "Environment", "value": environment, "choices": [("", "all"), *((name, name) for name in names)]},
        ],
    }  # fmt: skip
    return page(request, TEMPLATE, context)
