"""The one REST API, at /api/v1: its routers, its errors and its addresses."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from controlpanel.accounts.bearer import BearerOrSession
from controlpanel.core import problems
from controlpanel.core.errors import UserError
from controlpanel.core.permissions import Right, declares
from deployments.api.audit import router as audit
from deployments.api.environments import router as environments
from deployments.api.events import router as events
from deployments.api.freezes import router as freezes
from deployments.api.notifications import notifications, receivers
from deployments.api.plans import router as plans
from deployments.api.preflights import router as preflights
from deployments.api.promotions import router as promotions
from deployments.api.releases import router as releases
from tenants.api.changes import router as tenant_changes
from tenants.api.checklists import router as checklists
from tenants.api.credentials import router as credentials
from tenants.api.reviews import imports, of_tenant
from tenants.api.reviews import router as reviews
from tenants.api.tenants import router as tenants

DESCRIPTION = """Take releases through the environments, and read what happened.

Every call carries `Authorization: Bearer cp_…`. A POST may carry an `Idempotency-Key`: the same call with the same key
changes nothing more and answers the same. Errors are RFC 9457 problem details with a `remedy`. Lists are
`{"items": […], "next": cursor}`, newest first; `next` goes into `cursor`."""

api = NinjaAPI(
    title="Control panel", version="1", description=DESCRIPTION, openapi_url=None, docs_url=None, urls_namespace="api"
)
HANDLERS: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
    UserError: problems.of_user_error,
    ValidationError: problems.of_validation,
    HttpError: problems.of_http_error,
    Http404: problems.of_absence,
    SuspiciousOperation: problems.of_suspicion,
    Exception: problems.of_fault,
}
for _kind, _handler in HANDLERS.items():
    api.add_exception_handler(_kind, _handler)


@api.get("/openapi.json", auth=BearerOrSession(Right.SIGNED_IN), include_in_schema=False)
def openapi(request: HttpRequest) -> Any:
    """The description of this API, for any token or signed-in person."""
    return description()


@cache
def description() -> OpenAPISchema:
    """The description; it never changes while a process lives."""
    return api.get_openapi_schema(path_prefix="/api/v1/")


api.add_router("/releases", releases)
api.add_router("/preflight", preflights)
api.add_router("/promotions", promotions)
api.add_router("/promotions", events)
api.add_router("/environments", environments)
api.add_router("/environments", tenant_changes)
api.add_router("/tenants", tenants)
api.add_router("/tenants", checklists)
api.add_router("/tenants", credentials)
api.add_router("/tenants", of_tenant)
api.add_router("/reviews", reviews)
api.add_router("/imports", imports)
api.add_router("/freezes", freezes)
api.add_router("/plans", plans)
api.add_router("/audit", audit)
api.add_router("/receivers", receivers)
api.add_router("/notifications", notifications)


@csrf_exempt
@login_not_required
@declares(Right.ANYONE)
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Any other address below /api/: problem details too, not a page."""
    return problems.of_absence(request)


def _open_to_tokens(pattern: URLPattern | URLResolver) -> URLPattern | URLResolver:
    """A session is no way in, so the login page is none out; a method that does not fit is answered as a problem."""
    if isinstance(pattern, URLPattern):
        pattern.callback = csrf_exempt(login_not_required(_with_problem_for_method(pattern.callback)))
    return pattern


def _with_problem_for_method(view: Callable[..., Any]) -> Callable[..., Any]:
    def told(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code == 405:
            response = problems.of_method(request, response.headers["Allow"])
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @wraps(view)
    async def later(request: HttpRequest, *values: Any, **named: Any) -> HttpResponse:
        return told(request, await view(request, *values, **named))

    @wraps(view)
    def now(request: HttpRequest, *values: Any, **named: Any) -> HttpResponse:
        return told(request, view(request, *values, **named))

    return later if iscoroutinefunction(view) else now


_patterns, _app, _namespace = api.urls
_routes = [_open_to_tokens(pattern) for pattern in _patterns if getattr(pattern, "name", "") != "api-root"]

urlpatterns = [
    path("api/v1/", (_routes, _app, _namespace)),
    re_path(r"^api/", nothing_here),
]
"""Goes into `controlpanel.urls` by `*api.urlpatterns`."""
