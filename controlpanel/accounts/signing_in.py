"""Signing in at the page: what may be typed, how often one address may be wrong, and where it leads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.exceptions import AxesBackendPermissionDenied
from axes.helpers import get_client_ip_address, get_cool_off
from axes.models import AccessAttempt
from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.contrib.auth.views import LoginView
from django.db.models import Sum
from django.forms import TextInput
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from controlpanel.accounts.actors import of_request
from controlpanel.accounts.sessions import remember_browser
from controlpanel.core import audit
from controlpanel.core.permissions import Right

TRIES_OF_ONE_ADDRESS = 50
"""Wrong tries of one address at any names, in the time that a locked account waits."""


class SignInForm(AuthenticationForm):
    """Django's form; a name that no account can have is refused before anything counts it."""

    username = UsernameField(max_length=150, widget=TextInput(attrs={"autofocus": True}))


class SignIn(LoginView):
    """Leads to the page that was asked for, else to the pipeline, or to one's tenants; whoever may see neither, to the account."""

    template_name = "registration/login.html"
    authentication_form = SignInForm

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Sign in, and remember who did and which browser it was."""
        response = super().form_valid(form)
        actor = of_request(self.request)
        audit.record(actor=actor, action="user.sign_in", target=actor.name, message=f"{actor.name} signed in.")
        remember_browser(self.request, get_client_ip_address(self.request) or "")
        return response

    def get_default_redirect_url(self) -> str:
        """The first page of this person."""
        actor = of_request(self.request)
        routes = {"pipeline": Right.VIEW, "tenants": Right.TENANT_VIEW}
        return reverse(next((route for route, right in routes.items() if actor.may(right)), "account"))


class LimitedTries(AxesStandaloneBackend):
    """Locks a name for an address after a few wrong tries, and an address that tries many names."""

    def authenticate(self, request: HttpRequest, username: str | None = None, **named: Any) -> None:
        """Return where more tries may follow. Raises `AxesBackendPermissionDenied` where none may."""
        if _wrong_tries(request) >= TRIES_OF_ONE_ADDRESS:
            request.axes_locked_out = True  # type: ignore[attr-defined]  # the middleware of axes answers 429
            raise AxesBackendPermissionDenied("Too many tries of one address.")
        super().authenticate(request, username=username, **named)


def _wrong_tries(request: HttpRequest) -> int:
    since = timezone.now() - (get_cool_off(request) or timedelta(0))
    rows = AccessAttempt.objects.filter(ip_address=get_client_ip_address(request), attempt_time__gt=since)
    return int(rows.aggregate(tries=Sum("failures_since_start"))["tries"] or 0)
