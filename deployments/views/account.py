"""The account page: what a person may do and who gives rights, theme, sessions, password."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from controlpanel.accounts import own
from controlpanel.accounts.actors import of_request
from controlpanel.accounts.models import Session
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from deployments.forms import PasswordForm

TEMPLATE = "settings/account.html"


@declares(Right.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Whoever is signed in may open it; POST changes the password."""
    actor = of_request(request)
    assert actor.user is not None
    form = PasswordForm(actor.user, request.POST if request.method == "POST" else None, request=request)
    if request.method == "POST" and form.is_valid():
        own.password_change(actor=actor, user=actor.user, password=form.cleaned_data["new_password1"])
        update_session_auth_hash(request, actor.user)
        own.sessions_end(actor=actor, keep=request.session.session_key or "")
        messages.success(request, "The password is changed. You are signed out everywhere else.")
        return SeeOther(reverse("account"))
    return page(request, TEMPLATE, _context(request, form), status=422 if form.errors else 200)


@declares(Right.SIGNED_IN)
@require_POST
def sessions_end(request: HttpRequest) -> HttpResponse:
    """Sign out one other browser, or all others."""
    actor = of_request(request)
    ended = own.sessions_end(
        actor=actor, keep=request.session.session_key or "", only=request.POST.get("session", "")[:64]
    )
    messages.success(
        request, f"{ended} other session{'s' if ended != 1 else ''} ended." if ended else "No other session was there."
    )
    return SeeOther(reverse("account"))


def _context(request: HttpRequest, form: PasswordChangeForm) -> dict[str, Any]:
    actor = of_request(request)
    assert actor.user is not None
    sessions = own.sessions_of(actor.user)
    return {
        "given": own.given_to(actor), "administrators": own.administrators(), "form": form,
        "may_view": actor.may(Right.VIEW), "is_administrator": actor.may(Right.ADMINISTER, ""),
        "sessions": [_session(row, request.session.session_key or "") for row in sessions], "others": len(sessions) > 1,
    }  # fmt: skip


def _session(row: Session, current: str) -> dict[str, Any]:
    return {
        "mark": own.mark_of(row), "is_current": row.session_key == current, "browser": browser_of(row.agent), "agent": row.agent,
        "address": row.address, "started_at": row.started_at, "expires_at": row.expire_date,
    }  # fmt: skip


BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def browser_of(agent: str) -> str:
    """ "Firefox on Linux"; what it is not known by stays out."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return " on ".join(filter(None, (browser, system))) or agent[:40] or "Unknown browser"
