"""What people do to a checklist: sign, withdraw, waive, ask others to look. Each goes back to the tenant's page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther
from tenants.models import ChecklistItem, Tenant
from tenants.selectors.checklists import item_find
from tenants.selectors.seeing import environment_find, tenant_find
from tenants.services import reviews, signing
from tenants.services.hub_events import hub_event_send
from tenants.services.looking import references_look

Act = Callable[[Actor, Tenant, Environment], str]
ActOnItem = Callable[[Actor, ChecklistItem], object]

MOST_SEEN = 1000
"""Items that somebody signs with one click."""


@declares(Right.TENANT_CHECK)
@require_POST
def check(request: HttpRequest, slug: str) -> HttpResponse:
    """Have a worker look at the references in the cluster, or at the one of `key`."""
    key = request.POST.get("key", "")[:100]

    def act(actor: Actor, tenant: Tenant, environment: Environment) -> str:
        count = references_look(actor=actor, tenant=tenant, environment=environment, key=key)
        return f"{count} reference{'s are' if count != 1 else ' is'} being looked at."

    return _act(request, slug, Right.TENANT_CHECK, act)


@declares(Right.TENANT_CHECK)
@require_POST
def send_event(request: HttpRequest, slug: str) -> HttpResponse:
    """Have a worker post a test event to the hub."""

    def act(actor: Actor, tenant: Tenant, environment: Environment) -> str:
        hub_event_send(actor=actor, tenant=tenant, environment=environment)
        return f"A test event for {tenant.slug} is on its way to the hub of {environment.name}."

    return _act(request, slug, Right.TENANT_CHECK, act)


@declares(Right.TENANT_SIGN_OFF)
@require_POST
def sign_off_all(request: HttpRequest, slug: str) -> HttpResponse:
    """Sign every item that is not signed or stale, as they were when the page was made."""
    seen = request.POST.get("seen", "").split()[:MOST_SEEN]

    def act(actor: Actor, tenant: Tenant, environment: Environment) -> str:
        signed = signing.items_sign_off_all(actor=actor, tenant=tenant, environment=environment, seen=seen)
        return f"{len(signed)} item{'s' if len(signed) != 1 else ''} signed off in {environment.name}."

    return _act(request, slug, Right.TENANT_SIGN_OFF, act)


@declares(Right.TENANT_SIGN_OFF)
@require_POST
def sign_off(request: HttpRequest, slug: str) -> HttpResponse:
    """Give one's word for one item, as it was when the page was made."""
    seen = request.POST.get("seen", "")[:64]
    return _act_on_item(
        request,
        slug,
        Right.TENANT_SIGN_OFF,
        "signed off",
        lambda actor, item: signing.item_sign_off(actor=actor, item=item, seen=seen),
    )


@declares(Right.TENANT_SIGN_OFF)
@require_POST
def withdraw(request: HttpRequest, slug: str) -> HttpResponse:
    """Take one's word back."""
    return _act_on_item(
        request, slug, Right.TENANT_SIGN_OFF, "no longer signed off",
        lambda actor, item: signing.item_sign_off_withdraw(actor=actor, item=item),
    )  # fmt: skip


@declares(Right.TENANT_WAIVE)
@require_POST
def waive(request: HttpRequest, slug: str) -> HttpResponse:
    """Let an item count as met until a day, with a reason."""
    reason = request.POST.get("reason", "")[:2000]
    return _act_on_item(
        request, slug, Right.TENANT_WAIVE, "waived",
        lambda actor, item: signing.item_waive(actor=actor, item=item, reason=reason, until=_end_of(request.POST.get("until", ""))),
    )  # fmt: skip


@declares(Right.TENANT_WAIVE)
@require_POST
def unwaive(request: HttpRequest, slug: str) -> HttpResponse:
    """End a waiver."""
    return _act_on_item(
        request,
        slug,
        Right.TENANT_WAIVE,
        "required again",
        lambda actor, item: signing.item_unwaive(actor=actor, item=item),
    )


@declares(Right.TENANT_CHECK)
@require_POST
def review_ask(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask the tenant's owners and reviewers to look and sign."""

    def act(actor: Actor, tenant: Tenant, environment: Environment) -> str:
        note = request.POST.get("note", "")[:2000]
        reviews.review_request(actor=actor, tenant=tenant, environment=environment, note=note)
        return f"The owners and reviewers of {tenant.slug} are asked to sign."

    return _act(request, slug, Right.TENANT_CHECK, act)


def _act_on_item(request: HttpRequest, slug: str, right: Right, done: str, act: ActOnItem) -> HttpResponse:
    key, kind = request.POST.get("key", ""), request.POST.get("type", "")

    def on_item(actor: Actor, tenant: Tenant, environment: Environment) -> str:
        act(actor, item_find(actor, tenant, environment, key, kind))
        return f"{key} is {done} in {environment.name}."

    return _act(request, slug, right, on_item)


def _act(request: HttpRequest, slug: str, right: Right, act: Act) -> HttpResponse:
    """Do it and go back; what cannot be done now is said there."""
    actor = of_request(request)
    tenant = tenant_find(actor, slug)
    environment = environment_find(actor, request.POST.get("environment", ""), slug)
    actor.require(right, environment.name, slug)
    try:
        messages.success(request, act(actor, tenant, environment))
    except (ConflictError, InvalidError) as refusal:
        messages.error(request, str(refusal))
    return SeeOther(back_to(request, tenant, environment))


def back_to(request: HttpRequest, tenant: Tenant, environment: Environment) -> str:
    """The page that the form stood on: the guided page says so, else the tenant's."""
    route = "tenant_onboarding" if request.POST.get("from") == "onboarding" else "tenant"
    return f"{reverse(route, args=[tenant.slug])}?{urlencode({'environment': environment.name})}"


def _end_of(day: str) -> datetime:
    """The last moment of a day as a date field gives it. Raises `InvalidError` for what is none."""
    try:
        found = parse_date(day)
    except ValueError:
        found = None
    if found is None:
        raise InvalidError("Until is no day.", "Write it as 2026-12-24.", field="until")
    return timezone.make_aware(datetime.combine(found, time(23, 59, 59)))
