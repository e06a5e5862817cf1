"""Promotions that are planned for later, and releases that are held back."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from controlpanel.accounts.actors import of_request
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from deployments.choices import Planned
from deployments.forms import PlanForm
from deployments.selectors.plans import plans_seen_by
from deployments.services import planning
from deployments.services.preflights import find_release

TEMPLATE = "deployments/plans.html"


@declares(Right.VIEW)
@require_GET
def plans(request: HttpRequest) -> HttpResponse:
    """What is planned, and what came of earlier plans."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    rows = [
        {
            "plan": one,
            "may_cancel": one.state == Planned.PLANNED and actor.may(Right.PROMOTION_ABORT, one.environment.name),
        }
        for one in plans_seen_by(actor)
    ]
    topics = " ".join(sorted({f"environment.{row['plan'].environment.name}" for row in rows}))  # type: ignore[attr-defined]
    return page(request, TEMPLATE, {"rows": rows, "topics": topics}, fragments=("list",))


@declares(Right.PROMOTION_REQUEST)
@require_POST
def plan(request: HttpRequest, name: str) -> HttpResponse:
    """Plan a promotion of a release to this environment."""
    actor = of_request(request)
    actor.require(Right.PROMOTION_REQUEST, name)
    form = PlanForm(request.POST)
    version = request.POST.get("release", "")[:100]
    try:
        if not form.is_valid():
            raise InvalidError("Write the moment as 2026-12-24 18:00, in UTC.", "Nothing was planned.", field="at")
        planning.promotion_plan(actor=actor, environment=name, release=version, **form.cleaned_data)
    except (ConflictError, InvalidError) as refusal:
        messages.error(request, str(refusal))
        return SeeOther(f"{reverse('promote', args=[name])}?release={version}")
    messages.success(request, "The promotion is planned.")
    return SeeOther(reverse("plans"))


@declares(Right.PROMOTION_ABORT)
@require_POST
def plan_end(request: HttpRequest, plan: str) -> HttpResponse:
    """Call a plan off."""
    actor = of_request(request)
    try:
        planning.plan_cancel(actor=actor, plan=planning.find_plan(plan, actor=actor))
    except ConflictError as refusal:
        messages.error(request, str(refusal))
    return SeeOther(reverse("plans"))


@declares(Right.FREEZE)
@require_POST
def release_hold(request: HttpRequest, version: str) -> HttpResponse:
    """Hold a release back, or let it go (`let_go`)."""
    actor = of_request(request)
    release = find_release(version)
    place = request.POST.get("environment", "")[:63]
    try:
        if "let_go" in request.POST:
            planning.release_let_go(actor=actor, release=release, environment=place)
        else:
            planning.release_hold(
                actor=actor, release=release, reason=request.POST.get("reason", ""), environment=place
            )
    except (ConflictError, InvalidError) as refusal:
        messages.error(request, str(refusal))
    return SeeOther(reverse("release", args=[release.version]))
