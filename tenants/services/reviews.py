"""Review requests: asking a tenant's owners and reviewers to look and sign, by page and mail."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.catalog.models import Environment
from controlpanel.core import outbox
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.lease import StatementTime
from controlpanel.core.permissions import RIGHTS, Right, Role
from tenants.choices import TenantState
from tenants.models import Readiness, ReviewRequest, Tenant
from tenants.services import inputs
from tenants.services.tenants import locked, record

OUTCOMES = ("closed", "signed", "declined")


@transaction.atomic
def review_request(*, actor: Actor, tenant: Tenant, environment: Environment, note: str = "") -> ReviewRequest:
    """Ask; mails go to the tenant's owners and reviewers by the outbox. An open request is answered as it is.

    Raises `ConflictError` for a tenant that is offboarded or has nothing to sign.
    """
    actor.require(Right.TENANT_CHECK, environment.name, tenant.slug)
    said = inputs.checked_text(note, "note", most=2000)
    row = locked(tenant)
    if row.state == TenantState.OFFBOARDED:
        raise ConflictError(f"{row.slug} is offboarded.", "There is nothing to sign.")
    open_one = ReviewRequest.objects.filter(tenant=row, environment=environment, closed_at=None).first()
    if open_one is not None:
        return open_one
    if not Readiness.objects.filter(Q(unsigned__gt=0) | Q(stale__gt=0), tenant=row, environment=environment).exists():
        raise ConflictError(f"Everything of {row.slug} is signed in {environment.name}.", "There is nothing to review.")
    review = ReviewRequest.objects.create(tenant=row, environment=environment, requested_by=actor.name, note=said)
    people = reviewers_of(row, environment)
    message = f"Review of {row.slug} for {environment.name} asked of {_names(people)}.{f' {said}' if said else ''}"
    event = record(actor, row, "review_request", message, {"review": str(review.pk)}, environment=environment.name)
    for person in people:
        if person.email:
            outbox.queue(event, kind="mail", destination=person.email, payload=_mail(row, environment, actor, said))
    return review


@transaction.atomic
def review_close(*, actor: Actor, review: ReviewRequest, outcome: str = "closed") -> ReviewRequest:
    """Close a request; one closes by itself as `signed` when every item is signed. Closing twice changes nothing."""
    actor.require(Right.TENANT_CHECK, review.environment.name, review.tenant.slug)
    if outcome not in OUTCOMES:
        raise InvalidError(f"The outcome is none of {', '.join(OUTCOMES)}.", field="outcome")
    return _close(actor, review, outcome)


def reviews_close_signed(*, actor: Actor, tenant: Tenant, environment: Environment) -> None:
    """Close the tenant's open request where nothing is left to sign; in the transaction that signed."""
    row = Readiness.objects.get(tenant=tenant, environment=environment)
    review = ReviewRequest.objects.filter(tenant=tenant, environment=environment, closed_at=None).first()
    if review is not None and not row.unsigned and not row.stale:
        _close(actor, review, "signed")


def reviewers_of(tenant: Tenant, environment: Environment) -> list[User]:
    """Active people whose role lets them sign for this very tenant there, by name."""
    roles = [role.value for role in Role if Right.TENANT_SIGN_OFF in RIGHTS[role]]
    bound = Q(bindings__role__in=roles, bindings__tenant=tenant.slug, bindings__environment__in=["", environment.name])
    return list(User.objects.filter(bound, is_active=True).distinct().order_by("username"))


def _close(actor: Actor, review: ReviewRequest, outcome: str) -> ReviewRequest:
    closed = ReviewRequest.objects.filter(pk=review.pk, closed_at=None).update(
        closed_at=StatementTime(), closed_by=actor.name, outcome=outcome
    )
    row = ReviewRequest.objects.select_related("tenant", "environment").get(pk=review.pk)
    if closed:
        message = f"The review of {row.tenant.slug} for {row.environment.name} is closed: {outcome}."
        record(actor, row.tenant, "review_close", message, {"review": str(row.pk)}, environment=row.environment.name)
    return row


def _names(people: Sequence[User]) -> str:
    return ", ".join(str(person) for person in people) or "nobody: it has neither owner nor reviewer"


def _mail(tenant: Tenant, environment: Environment, actor: Actor, note: str) -> dict[str, str]:
    text = f"{actor.name} asks you to look at the checklist of {tenant.display_name} for {environment.title} and to sign it off."
    return {
        "subject": f"Review of {tenant.slug} for {environment.name}",
        "text": f"{text}\n\n{note}" if note else text,
        "path": f"/tenants/{tenant.slug}?environment={environment.name}",
    }
