"""API tokens: list, make (shown once), revoke."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from controlpanel.accounts import token_rows as reading
from controlpanel.accounts.actors import Actor, of_request
from controlpanel.accounts.models import ApiToken
from controlpanel.accounts.tokens import token_create, token_revoke
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Right, Scope, declares
from controlpanel.core.presentation.curl import curl
from controlpanel.core.views.answering import SeeOther, page
from deployments.forms import TokenForm

TEMPLATE = "settings/tokens.html"
MOST = 200
EXPIRIES = (7, 30, 90, 180, 365)
EXAMPLE = {"release": "2026.11.4", "environment": "staging", "reason": "Build 812"}
WORDS = {
    Scope.READ: "look only", Scope.RELEASE: "report a build", Scope.PROMOTE: "ask; gates still decide",
    Scope.APPROVE: "approve what others ask for", Scope.TENANTS: "see tenants, never values", Scope.ADMIN: "everything that you may",
}  # fmt: skip


@declares(Right.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("secret")
def tokens(request: HttpRequest) -> HttpResponse:
    """The person's tokens (everybody's for administrators); POST makes one and shows it, this once."""
    actor = of_request(request)
    form = _form(request, actor)
    secret = name = ""
    if request.method == "POST" and form.is_valid():
        secret, name = _make(form, actor)
        form = form if form.errors else _form(request, actor, is_new=True)
    context = _context(actor, form) | {"secret": secret, "made": name}
    return page(request, TEMPLATE, context, status=422 if form.errors else 200)


@declares(Right.SIGNED_IN)
@require_POST
def token_end(request: HttpRequest, token: uuid.UUID) -> HttpResponse:
    """Revoke it at once."""
    actor = of_request(request)
    row = reading.token_of_page(actor, str(token))
    token_revoke(actor=actor, token=row)
    messages.success(request, f"Token {row.name} is revoked: calls with it are refused from now on.")
    return SeeOther(reverse("tokens"))


def _form(request: HttpRequest, actor: Actor, *, is_new: bool = False) -> TokenForm:
    places = list(Environment.objects.filter(is_retired=False).values_list("name", flat=True))
    return TokenForm(
        request.POST if request.method == "POST" and not is_new else None, scopes=reading.scopes_for(actor.user), environments=actor.environments(places)
    )  # fmt: skip


def _make(form: TokenForm, actor: Actor) -> tuple[str, str]:
    """The secret and the name of the new token, or nothing where the form now says why not."""
    chosen = form.cleaned_data
    is_machine = chosen["whose"] == "machine" and reading.may_see_all(actor)
    try:
        row, secret = token_create(
            actor=actor, name=chosen["name"], scopes=chosen["scopes"], environments=chosen["environments"],
            user=None if is_machine else actor.user, expires_in=timedelta(days=chosen["expires"]),
        )  # fmt: skip
    except (InvalidError, ConflictError) as refusal:
        field = str(refusal.extra.get("field", "name"))
        form.add_error(field if field in form.fields else None, str(refusal))
        return "", ""
    return secret, row.name


def _context(actor: Actor, form: TokenForm) -> dict[str, Any]:
    rows = list(reading.tokens_seen_by(actor)[:MOST])
    chosen = set(form.data.getlist("scopes")) if form.is_bound else set()  # type: ignore[attr-defined]
    places = set(form.data.getlist("environments")) if form.is_bound else set()  # type: ignore[attr-defined]
    now = timezone.now()
    return {
        "tokens": [_row(one) for one in rows], "sees_all": reading.may_see_all(actor), "form": form, "example": curl("/api/v1/promotions", EXAMPLE, key="build-812"),
        "scopes": [
            {"value": value, "hint": WORDS[Scope(value)], "checked": value in chosen} for value, _ in form.fields["scopes"].choices  # type: ignore[attr-defined]
        ],
        "environments": [{"value": value, "checked": value in places} for value, _ in form.fields["environments"].choices],  # type: ignore[attr-defined]
        "expiries": [(str(days), f"In {days} days, {now + timedelta(days=days):%d %b %Y}") for days in EXPIRIES],
        "expires": str(form["expires"].value() or 90), "whose": form["whose"].value() or "me",
    }  # fmt: skip


def _row(token: ApiToken) -> dict[str, Any]:
    state = reading.state_of(token)
    return {
        "token": token,
        "state": state,
        "is_live": state in ("active", "unused", "soon"),
        "dialog": f"revoke-{token.pk}",
    }
