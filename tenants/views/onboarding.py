"""Onboarding as one page: create, refer, see the manifests, ask for sign-off, promote the configuration, verify, done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from deployments.renderers.base import RenderError
from deployments.rendering import NotRenderable
from deployments.tenants_part import manifests_of
from tenants.choices import TenantState
from tenants.forms import ReferenceForm, TenantForm
from tenants.models import Readiness, ReviewRequest, Tenant
from tenants.parts import TenantPart
from tenants.selectors import place
from tenants.selectors.askable import Askable, askables
from tenants.selectors.newest import readiness_seen
from tenants.selectors.requests import review_here
from tenants.selectors.seeing import environments_visible, tenant_find
from tenants.services.tenants import tenant_create
from tenants.views import references
from tenants.views.tenant import chosen_of, rights, tabs_of

TEMPLATE = "tenants/onboarding.html"
STEPS = (
    ("create", "Create the tenant"), ("references", "Say where its secrets lie"), ("manifests", "See the manifests"),
    ("sign-off", "Ask for sign-off"), ("promote", "Promote the configuration"), ("verify", "Verify"), ("done", "Done"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How far a tenant is in one environment."""

    tenant: Tenant
    environment: Environment
    lines: Sequence[Askable]
    readiness: Readiness | None
    review: ReviewRequest | None
    pending: Sequence[place.Pending]

    @property
    def missing(self) -> list[str]:
        """Keys of the checklist without a reference."""
        return [line.key for line in self.lines if line.on_checklist and line.version is None]

    @property
    def is_promoted(self) -> bool:
        """Whether Git holds every reference as it was put."""
        return not self.missing and not self.pending

    @property
    def is_signed(self) -> bool:
        """Whether nothing waits for somebody's word."""
        one = self.readiness
        return one is not None and not one.stale and not one.unsigned


@declares(Right.TENANT_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest) -> HttpResponse:
    """The first step; a good form leads to the others."""
    actor = of_request(request)
    actor.require(Right.TENANT_EDIT)
    form = TenantForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        slug = _created(form, actor)
        if slug:
            messages.success(request, f"{slug} is created. It restarts nothing.")
            return SeeOther(reverse("tenant_onboarding", args=[slug]))
    steps = [
        {"id": name, "name": words, "state": "running" if name == "create" else "waiting", "open": name == "create"}
        for name, words in STEPS
    ]
    return page(request, TEMPLATE, {"form": form, "steps": steps}, status=422 if form.errors else 200)


@declares(Right.TENANT_REFERENCE)
@require_http_methods(["GET", "HEAD", "POST"])
def onboarding(request: HttpRequest, slug: str) -> HttpResponse:
    """The other steps, in one environment at a time; the first that is not done is open."""
    actor = of_request(request)
    row = tenant_find(actor, slug)
    environments = environments_visible(actor, slug, Right.TENANT_REFERENCE)
    named = request.GET.get("environment", "") or request.POST.get("environment", "")
    places = readiness_seen(actor, [row], environments)[row.pk]
    here = chosen_of(named, environments) if named else _first_open(environments, places)
    actor.require(Right.TENANT_REFERENCE, here.name if here else None, slug)
    assert here is not None  # the right holds somewhere, so there is a place
    lines = askables(row, here)
    forms = references.forms_of(lines, request.POST if request.method == "POST" else None, usual_places(row, here))
    problem = ""
    if request.method == "POST":
        problem, is_done = references.put(request, actor, row, here, lines, forms)
        if is_done:
            return SeeOther(f"{reverse('tenant_onboarding', args=[slug])}?{urlencode({'environment': here.name})}")
    readiness = next((one for one in places if one is not None and one.environment_id == here.pk), None)
    waiting = place.pending_of([line.reference for line in lines if line.reference is not None])
    stage = Stage(
        tenant=row, environment=here, lines=lines, readiness=readiness, review=review_here(row, here), pending=waiting
    )
    context = _context(request, actor, stage, environments, places, forms, problem)
    return page(
        request, TEMPLATE, context, fragments=("progress",), status=422 if context["errors"] or problem else 200
    )


def usual_places(row: Tenant, here: Environment) -> dict[str, dict[str, str]]:
    """Where the catalog says that such a tenant's secrets usually lie, by key, as the API takes a place."""
    if current_version() is None:
        return {}
    return {one.key: one.reference_for(row.slug, here.name) for one in current_document().variables if one.reference}


def _first_open(environments: Sequence[Environment], places: Sequence[Readiness | None]) -> Environment | None:
    """The first environment in which something is left to do, else the last."""
    pairs = zip(environments, places, strict=True)
    return next(
        (one for one, place in pairs if place is None or not place.is_ready), next(iter(reversed(environments)), None)
    )


def _context(
    request: HttpRequest, actor: Actor, stage: Stage, environments: Sequence[Environment], places: Sequence[Readiness | None],
    forms: Sequence[ReferenceForm], problem: str,
) -> dict[str, Any]:  # fmt: skip
    row, here = stage.tenant, stage.environment
    errors = [error for form in forms for error in references.errors_of(form)]
    query = urlencode({"environment": here.name})
    return {
        "tenant": row, "environment": here, "tabs": tabs_of(places, environments, here), "steps": _steps(stage, has_errors=bool(errors or problem)),
        "topics": f"tenant.{row.slug}", "errors": errors, "problem": problem, "entries": references.entries(stage.lines, forms),
        "here_url": f"{reverse('tenant_onboarding', args=[row.slug])}?{query}", "tenant_url": f"{reverse('tenant', args=[row.slug])}?{query}",
        "may": rights(actor, row, here), "stage": stage, "may_promote": actor.may(Right.PROMOTION_REQUEST, here.name),
        "configuration_url": reverse("configuration", args=[here.name]) if actor.may(Right.VIEW, here.name) else "",
        "others": [one.name for one, readiness in zip(environments, places, strict=True) if one != here and not (readiness and readiness.is_ready)],
        "manifests": _manifests(here, row, stage.lines),
    }  # fmt: skip


def _manifests(here: Environment, row: Tenant, lines: Sequence[Askable]) -> list[dict[str, str]]:
    """What Git would hold of the tenant, or nothing where the catalog keeps no references."""
    versions = [(line.key, line.version) for line in lines]
    part = TenantPart(
        slug=row.slug, references=tuple(one.as_reference(key) for key, one in versions if one is not None)
    )
    try:
        return [{"path": path, "text": text} for path, text in manifests_of(here, part)]
    except (NotRenderable, RenderError):
        return []


def _steps(stage: Stage, *, has_errors: bool) -> list[dict[str, Any]]:
    """Each step with its state; the first that is not done is open."""
    place_ = stage.readiness
    figures = f"{place_.met} of {place_.required} met" if place_ else ""
    ready = bool(place_ and place_.is_ready)
    done = {
        "create": (True, f"by {stage.tenant.created_by}"),
        "references": (not stage.missing, f"{', '.join(stage.missing)} missing" if stage.missing else "all are there"),
        "manifests": (not stage.missing, "what Git will hold of this tenant"),
        "sign-off": (
            stage.is_signed or stage.review is not None,
            "signed" if stage.is_signed else "asked for" if stage.review else "not asked for yet",
        ),
        "promote": (
            stage.is_promoted,
            f"{len(stage.pending)} pending" if stage.pending else "Git holds it" if stage.is_promoted else "",
        ),
        "verify": (ready, figures),
        "done": (
            stage.tenant.state == TenantState.ACTIVE,
            "active" if stage.tenant.state == TenantState.ACTIVE else "",
        ),
    }
    current = "references" if has_errors else next((name for name, _ in STEPS if not done[name][0]), "done")
    return [
        {
            "id": name, "name": words, "detail": done[name][1], "open": name == current,
            "state": "running" if name == current and not done[name][0] else "done" if done[name][0] else "waiting",
        }
        for name, words in STEPS
    ]  # fmt: skip


def _created(form: TenantForm, actor: Actor) -> str:
    """The new tenant's slug, or nothing where the form now says why not."""
    try:
        return tenant_create(actor=actor, **form.cleaned_data).slug
    except (InvalidError, ConflictError) as refusal:
        form.refuse(str(refusal.extra.get("field", "slug")), str(refusal))
        return ""
