"""A tenant is edited, suspended, resumed, or leaves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog.shards import object_name, shard_of
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from tenants.choices import MOVES, TenantState
from tenants.forms import ReasonForm, TenantForm
from tenants.models import CredentialReference, Tenant
from tenants.selectors.seeing import tenant_find
from tenants.services.tenants import tenant_edit, tenant_move, tenant_offboard

TEMPLATE = "tenants/edit.html"
VERBS = {
    TenantState.ACTIVE: "Activate", TenantState.SUSPENDED: "Suspend", TenantState.ONBOARDING: "Onboard again",
}  # fmt: skip


@declares(Right.TENANT_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Name, owner, contacts and labels; below them what can become of the tenant."""
    actor, row = _found(request, slug)
    form = TenantForm(request.POST if request.method == "POST" else None, with_slug=False, initial=TenantForm.of(row))
    if request.method == "POST" and form.is_valid() and _stored(form, actor, row):
        messages.success(request, f"{slug} is stored.")
        return SeeOther(reverse("tenant", args=[slug]))
    return _show(request, row, form, ReasonForm(expected=slug), status=422 if form.errors else 200)


@declares(Right.TENANT_EDIT)
@require_POST
def move(request: HttpRequest, slug: str) -> HttpResponse:
    """Activate, suspend or resume."""
    actor, row = _found(request, slug)
    state = request.POST.get("state", "")
    try:
        if state not in VERBS:
            raise InvalidError("There is no such state.", f"Choose from {', '.join(VERBS)}.", field="state")
        tenant_move(actor=actor, tenant=row, state=TenantState(state), reason=request.POST.get("reason", "")[:2000])
        messages.success(request, f"{slug} is {state}.")
    except (ConflictError, InvalidError) as refusal:
        messages.error(request, str(refusal))
    return SeeOther(reverse("tenant", args=[slug]))


@declares(Right.TENANT_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def offboard(request: HttpRequest, slug: str) -> HttpResponse:
    """Take all references away; the slug has to be typed."""
    actor, row = _found(request, slug)
    form = ReasonForm(request.POST if request.method == "POST" else None, expected=slug)
    if form.is_valid():
        try:
            tenant_offboard(actor=actor, tenant=row, reason=form.cleaned_data["reason"])
        except InvalidError as refusal:
            form.add_error("reason", str(refusal))
        except ConflictError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(
                request, f"{slug} is offboarded. Its references leave Git with the next promotion of the configuration."
            )
            return SeeOther(reverse("tenant", args=[slug]))
    return _show(
        request, row, TenantForm(with_slug=False, initial=TenantForm.of(row)), form, status=422 if form.errors else 200
    )


def _found(request: HttpRequest, slug: str) -> tuple[Actor, Tenant]:
    actor = of_request(request)
    row = tenant_find(actor, slug)
    actor.require(Right.TENANT_EDIT, tenant=slug)
    return actor, row


def _stored(form: TenantForm, actor: Actor, row: Tenant) -> bool:
    """Whether it was stored; the form says why not."""
    try:
        tenant_edit(actor=actor, tenant=row, **form.cleaned_data)
    except (InvalidError, ConflictError) as refusal:
        form.refuse(str(refusal.extra.get("field", "display_name")), str(refusal))
        return False
    return True


def _show(request: HttpRequest, row: Tenant, form: TenantForm, leaving: ReasonForm, *, status: int) -> HttpResponse:
    legal = [TenantState(one) for one in MOVES[TenantState(row.state)]]
    held = CredentialReference.objects.filter(tenant=row, promoted__is_removed=False).select_related(
        "environment", "promoted"
    )
    context: dict[str, Any] = {
        "tenant": row, "form": form, "leaving": leaving, "moves": [{"state": one.value, "label": VERBS[one]} for one in legal if one in VERBS],
        "may_leave": TenantState.OFFBOARDED in legal, "held": sorted({one.environment.name for one in held}), "count": len(held), "sealed": _sealed(row, held),
    }  # fmt: skip
    return page(request, TEMPLATE, context, status=status)


def _sealed(row: Tenant, held: Iterable[CredentialReference]) -> list[str]:
    """Keys that a SealedSecret patched into a shard's Secret, with its name and environment: no operator takes them out again."""
    return [
        f"{one.promoted.target_key} of Secret {object_name(shard_of(row.slug, one.environment.tenant_shards))} in {one.environment.name}"
        for one in held
        if one.promoted is not None and one.promoted.sealed_text and one.environment.tenant_shards
    ]
