"""How long ago somebody at a page proved who they are, and proving it anew by the password."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils import timezone

from controlpanel.accounts.models import User
from controlpanel.accounts.sessions import STARTED
from controlpanel.core.errors import RefusedError

CONFIRMED = "confirmed_at"


def is_fresh(request: HttpRequest, minutes: int | None) -> bool:
    """Whether the sign-in, or the last time the password was typed, is not older than so many minutes (None: any age)."""
    if minutes is None:
        return True
    said = request.session.get(CONFIRMED) or request.session.get(STARTED)
    return said is not None and timezone.now() - datetime.fromisoformat(said) <= timedelta(minutes=minutes)


def require_fresh(request: HttpRequest, minutes: int | None, password: str) -> None:
    """Take the password where the sign-in is too old. Raises `RefusedError`; wrong tries count as at the login page."""
    if is_fresh(request, minutes):
        return
    if not password:
        raise RefusedError(f"Your sign-in is older than {minutes} minutes.", "Type your password as well.")
    assert isinstance(request.user, User)
    if authenticate(request, username=request.user.get_username(), password=password) is None:
        raise RefusedError("That is not your password.", "Nothing was recorded. Type it again.")
    request.session[CONFIRMED] = timezone.now().isoformat()
