"""The queue of review requests: who is asked to sign for which tenant."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from controlpanel.accounts.actors import of_request
from controlpanel.core.errors import ConflictError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from tenants.selectors.checklists import review_find, reviews_open, reviews_visible
from tenants.selectors.people import names_of
from tenants.selectors.requests import with_readiness
from tenants.services.reviews import review_close

TEMPLATE = "tenants/reviews.html"
LISTED = 50


@declares(Right.TENANT_VIEW)
@require_GET
def reviews(request: HttpRequest) -> HttpResponse:
    """Open requests, oldest first; or those that are closed, newest first."""
    actor = of_request(request)
    actor.require(Right.TENANT_VIEW)
    is_closed = request.GET.get("show") == "closed"
    chosen = reviews_visible(actor).exclude(closed_at=None).order_by("-closed_at") if is_closed else reviews_open(actor)
    found = list(chosen[: LISTED + 1])
    names = names_of([*(row.requested_by for row in found), *(row.tenant.owner for row in found)])
    context = {
        "rows": [
            {
                "review": row, "place": readiness, "by": names.get(row.requested_by, row.requested_by),
                "owner": names.get(row.tenant.owner, ""), "may_close": _may_close(request, row.environment.name, row.tenant.slug),
            }
            for row, readiness in with_readiness(found[:LISTED])
        ],
        "is_closed": is_closed, "has_more": len(found) > LISTED, "listed": LISTED,
        "views": [
            {"label": "Open", "href": "?", "current": not is_closed, "count": None},
            {"label": "Closed", "href": "?show=closed", "current": is_closed, "count": None},
        ],
    }  # fmt: skip
    return page(request, TEMPLATE, context, fragments=("list",))


@declares(Right.TENANT_CHECK)
@require_POST
def close(request: HttpRequest, review: uuid.UUID) -> HttpResponse:
    """Take a request off the queue."""
    actor = of_request(request)
    row = review_find(actor, str(review))
    try:
        review_close(actor=actor, review=row)
        messages.success(request, f"The request for {row.tenant.slug} in {row.environment.name} is closed.")
    except ConflictError as refusal:
        messages.error(request, str(refusal))
    return SeeOther(reverse("reviews"))


def _may_close(request: HttpRequest, environment: str, tenant: str) -> bool:
    return of_request(request).may(Right.TENANT_CHECK, environment, tenant)
