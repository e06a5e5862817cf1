"""Light, dark or as the system says: kept in a cookie, so that it needs no account and no script."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from controlpanel.core.permissions import Right, declares

THEMES = ("system", "light", "dark")
COOKIE = "theme"
YEAR_SECONDS = 365 * 24 * 3600


def theme_of(request: HttpRequest) -> str:
    """The theme that this browser asked for; "system" unless it asked."""
    theme = request.COOKIES.get(COOKIE, "system")
    return theme if theme in THEMES else "system"


@declares(Right.ANYONE)
@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice and go back to the page it was made on."""
    choice = request.POST.get("theme", "")
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    response.set_cookie(
        COOKIE, choice if choice in THEMES else "system", max_age=YEAR_SECONDS, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )  # fmt: skip
    return response
