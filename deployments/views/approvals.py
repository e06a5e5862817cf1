"""Approvals: what waits for people, and their word on one promotion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.accounts.confirming import is_fresh, require_fresh
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import UserError
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from deployments.choices import Kind, State
from deployments.gates.tenants_ready import NAME as TENANTS_READY
from deployments.models import Promotion
from deployments.selectors.approvals import Policy, Word, awaiting, policy_of, unconfirmed, words_of, words_on
from deployments.selectors.preflights import changed_resources, from_to, from_words
from deployments.selectors.promotions import promotion_of_page
from deployments.selectors.rollouts import rollouts_of
from deployments.selectors.tenants import tenants_of
from deployments.services import approving

TEMPLATE = "deployments/approvals.html"
CONFIRM_WITHIN = "24 hours"


@declares(Right.VIEW)
@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """The queue: what waits for approvals, the reader's own to decide first."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    names = actor.environments(list(Environment.objects.values_list("name", flat=True)))
    asked = [(row, policy_of(row.environment) or Policy()) for row in awaiting(names)]
    words = words_on(asked)
    rows = [_waiting(actor, row, policy, words[row.pk]) for row, policy in asked]
    context = {
        "emergencies": unconfirmed(names), "confirm_within": CONFIRM_WITHIN,
        "rows": sorted(rows, key=lambda row: bool(row["reason"])), "open": sum(not row["reason"] for row in rows),
        "topics": " ".join(f"environment.{name}" for name in names),
    }  # fmt: skip
    return page(request, TEMPLATE, context, fragments=("list",))


@declares(Right.PROMOTION_APPROVE)
@require_POST
def approve(request: HttpRequest, identifier: str) -> HttpResponse:
    """Say yes to the digest that was shown."""
    return _decide(request, identifier, approving.promotion_approve)


@declares(Right.PROMOTION_APPROVE)
@require_POST
def confirm(request: HttpRequest, identifier: str) -> HttpResponse:
    """Say as the second person that an emergency was one."""
    return _decide(request, identifier, approving.emergency_confirm)


@declares(Right.PROMOTION_APPROVE)
@require_POST
def reject(request: HttpRequest, identifier: str) -> HttpResponse:
    """Say no, and why."""
    return _decide(request, identifier, approving.promotion_reject)


def decision_of(request: HttpRequest, promotion: Promotion) -> dict[str, Any] | None:
    """What the page of a promotion shows while people are asked; None at any other time."""
    if promotion.state != State.AWAITING_APPROVAL:
        return None
    policy = policy_of(promotion.environment) or Policy()
    words = words_of(promotion, policy)
    return {
        "policy": policy, "words": words, "given": sum(word.counts for word in words), **_looked_at(promotion),
        "reason": approving.why_not(of_request(request), promotion, policy, words),
        "asks_password": not is_fresh(request, policy.sign_in_minutes),
        "expires_at": promotion.state_since + policy.expires,
    }  # fmt: skip


def _looked_at(promotion: Promotion) -> dict[str, Any]:
    """What whoever asked had before them at the promote page, as it is now."""
    preview, place = promotion.preflight, promotion.environment
    if preview is None:
        return {"changed": [], "unchanged": 0}
    preview.refresh_from_db(fields=["changes", "parts", "variables"])
    preview.release, preview.environment = promotion.release, place
    changed, (versions, _) = changed_resources(preview), rollouts_of([place.pk], [])
    asks_tenants = place.parameters_of(TENANTS_READY) is not None and promotion.kind == Kind.RELEASE
    return {
        "changed": changed, "unchanged": len(preview.changes) - len(changed), "rows": from_to(preview, versions),
        "from_version": from_words(versions),
        "tenants": tenants_of(place, promotion.release, preview).facts() if asks_tenants else None,
    }  # fmt: skip


def emergency_of(request: HttpRequest, promotion: Promotion) -> dict[str, Any] | None:
    """What the page of an emergency shows until a second person has confirmed it; None at any other time."""
    if not promotion.is_emergency or promotion.approvals.filter(voided_at__isnull=True).exists():
        return None
    policy = policy_of(promotion.environment) or Policy()
    return {
        "reason": approving.why_not_confirm(of_request(request), promotion, policy),
        "asks_password": not is_fresh(request, policy.sign_in_minutes), "within": CONFIRM_WITHIN,
    }  # fmt: skip


def _decide(request: HttpRequest, identifier: str, act: Callable[..., Promotion]) -> HttpResponse:
    """Do it and go back to the page; what cannot be done now is said there."""
    actor = of_request(request)
    row = promotion_of_page(identifier, actor=actor)
    actor.require(Right.PROMOTION_APPROVE, row.environment.name)
    policy = policy_of(row.environment) or Policy()
    said = {name: request.POST.get(name, "")[:2000] for name in ("comment", "render_digest")}
    try:
        require_fresh(request, policy.sign_in_minutes, request.POST.get("password", "")[:500])
        act(actor=actor, promotion=row, **said)
    except UserError as refusal:
        messages.error(request, str(refusal))
    return SeeOther(reverse("promotion", args=[row.number]))


def _waiting(actor: Actor, row: Promotion, policy: Policy, words: list[Word]) -> dict[str, Any]:
    return {
        "promotion": row, "given": sum(word.counts for word in words), "required": policy.required,
        "expires_at": row.state_since + policy.expires, "reason": approving.why_not(actor, row, policy, words),
    }  # fmt: skip
