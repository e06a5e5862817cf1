"""What a promotion of the tenants' configuration would carry to an environment, and the button that asks for it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.idempotency import answer_once
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from controlpanel.core.views.paging import pages
from deployments.choices import OPEN, Kind
from deployments.models import Promotion
from deployments.selectors.applications import differing_shards
from deployments.services.preflights import find_environment
from deployments.services.promotions import promotion_request
from tenants.models import CredentialReference
from tenants.selectors import place
from tenants.selectors.parts import pending
from tenants.selectors.people import names_of

TEMPLATE = "tenants/configuration.html"
LISTED = 50
MAY_NOT = "It needs the role operator or release manager here."


@declares(Right.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def configuration(request: HttpRequest, name: str) -> HttpResponse:
    """The pending change set; posting asks for the promotion that carries it."""
    actor = of_request(request)
    environment = find_environment(name, actor=actor)
    if request.method == "POST":
        actor.require(Right.PROMOTION_REQUEST, name)
        return _ask(request, actor, environment)
    rows, following = place.changes(actor, environment, cursor=request.GET.get("cursor", ""), limit=LISTED)
    names = names_of(row.newest.created_by for row in rows if row.newest)
    context = {
        "environment": environment, "rows": [_row(row, names) for row in rows], **pages(request, following),
        "count": pending(environment).count(), "tenant_count": place.tenants_with_changes(environment),
        "open": Promotion.objects.filter(environment=environment, kind=Kind.TENANT_CONFIG, state__in=OPEN).first(),
        "differing": differing_shards(environment).count(),
        "reason_why_not": "" if actor.may(Right.PROMOTION_REQUEST, name) else MAY_NOT, "key": uuid.uuid4().hex,
        "topics": f"tenant environment.{name}",
    }  # fmt: skip
    return page(request, TEMPLATE, context, fragments=("change",))


def _ask(request: HttpRequest, actor: Actor, environment: Environment) -> HttpResponse:
    """Ask once, however often the button is pressed, and go to the promotion."""
    wanted: dict[str, Any] = {"environment": environment.name, "reason": request.POST.get("reason", "")[:2000]}

    def work() -> tuple[int, dict[str, Any]]:
        return 303, {"number": promotion_request(actor=actor, release=None, kind=Kind.TENANT_CONFIG, **wanted).number}

    try:
        _, answer = answer_once(
            principal=f"person {actor.name}", key=request.POST.get("key", "")[:64], request=wanted, work=work
        )
    except (ConflictError, InvalidError) as refusal:
        messages.error(request, str(refusal))
        return SeeOther(reverse("configuration", args=[environment.name]))
    return SeeOther(reverse("promotion", args=[answer["number"]]))


def _row(row: CredentialReference, names: dict[str, str]) -> dict[str, Any]:
    put = row.newest
    by = names.get(put.created_by, put.created_by) if put else ""
    return {
        "tenant": row.tenant,
        "key": row.key,
        "change": place.change_of(row),
        "words": place.change_words(row),
        "by": by,
        "at": put.created_at if put else None,
    }
