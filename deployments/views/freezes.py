"""Freezes: what is frozen, what will be, setting and lifting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog.models import Component, Environment
from controlpanel.core.errors import InvalidError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from deployments.forms import FreezeForm
from deployments.models import Freeze
from deployments.selectors.freezes import seen_by, standing
from deployments.services import freezing

TEMPLATE = "deployments/freezes.html"
NEEDS = "It needs the role release manager."


@declares(Right.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def freezes(request: HttpRequest) -> HttpResponse:
    """All that stand; POST sets one."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    names = actor.environments(list(Environment.objects.filter(is_retired=False).values_list("name", flat=True)))
    components = list(Component.objects.filter(is_retired=False).values_list("name", flat=True))
    form = FreezeForm(request.POST if request.method == "POST" else None, environments=names, components=components)
    if request.method == "POST":
        actor.require(Right.FREEZE)
        if form.is_valid() and _is_set(actor, form):
            messages.success(request, "The freeze is set.")
            return SeeOther(reverse("freezes"))
    return page(
        request, TEMPLATE, _context(actor, form, names), fragments=("list",), status=422 if form.errors else 200
    )


@declares(Right.FREEZE)
@require_POST
def freeze_everything(request: HttpRequest) -> HttpResponse:
    """One click: everything, now, until somebody lifts it."""
    actor = of_request(request)
    try:
        freezing.freeze_everything(actor=actor, reason=request.POST.get("reason", ""))
        messages.success(request, "Everything is frozen. What is in flight pauses before its next wave.")
    except InvalidError as refusal:
        messages.error(request, str(refusal))
    return SeeOther(reverse("freezes"))


@declares(Right.FREEZE)
@require_POST
def freeze_lift(request: HttpRequest, freeze: str) -> HttpResponse:
    """End one now."""
    actor = of_request(request)
    freezing.freeze_lift(actor=actor, freeze=freezing.find_freeze(freeze, actor=actor))
    messages.success(request, "The freeze is lifted. What waited for it goes on.")
    return SeeOther(reverse("freezes"))


def _is_set(actor: Actor, form: FreezeForm) -> bool:
    try:
        freezing.freeze_set(actor=actor, wanted=form.wanted())
    except InvalidError as refusal:
        form.refuse(str(refusal.extra.get("field", "")), str(refusal))
        return False
    return True


def _context(actor: Actor, form: FreezeForm, names: Sequence[str]) -> dict[str, Any]:
    rows = [_row(actor, one) for one in seen_by(actor, standing())]
    return {
        "form": form, "rows": sorted(rows, key=lambda row: (not row["holds"], row["at"] or timezone.now())),
        "may_set": actor.may(Right.FREEZE), "may_freeze_all": actor.may(Right.FREEZE, ""), "needs": NEEDS,
        "topics": " ".join(f"environment.{name}" for name in names),
    }  # fmt: skip


def _row(actor: Actor, freeze: Freeze) -> dict[str, Any]:
    now = timezone.now()
    until = freeze.holds_until(now)
    holds = until != now
    return {
        "freeze": freeze, "holds": holds, "at": until if holds else freeze.next_start(now),
        "may_lift": actor.may(Right.FREEZE, freeze.environment),
    }  # fmt: skip
