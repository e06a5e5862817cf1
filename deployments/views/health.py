"""`/healthz`, `/readyz` and `/metrics`: for machines, so without pages and without a session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Min
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import get_template
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from controlpanel.accounts.bearer import Bearer
from controlpanel.clients.tokens import WARN_DAYS
from controlpanel.core import problems
from controlpanel.core.errors import UserError
from controlpanel.core.metrics import CONTENT_TYPE, exposition
from controlpanel.core.permissions import Right, declares
from deployments.models import Observer
from deployments.renderers.child import protection
from deployments.selectors.inquiries import Question
from deployments.selectors.measures import measures
from deployments.services.inquiries import ask

BROKER_SECONDS = 1.0
PROTECTION_FRESH = timedelta(minutes=10)
"""A worker is not asked more often how it renders, however many probes look."""
_ask = Bearer(Right.VIEW)


@require_safe
@never_cache
@login_not_required
@declares(Right.ANYONE)
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether this process can serve pages; says nothing of what lies behind it, so that an outage restarts nobody."""
    get_template("registration/login.html")
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
@login_not_required
@declares(Right.ANYONE)
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether requests should come here: 503 without the database or with migrations to apply. The rest is told only."""
    database = _state_of_database()
    is_ready = database == "ok"
    told = {"database": database, "broker": _state_of_broker(), "renderer": _state_of_renderer(is_ready=is_ready)}
    told |= {"argocd_token": _state_of_tokens()} if is_ready else {}
    return JsonResponse({"status": "ok" if is_ready else "not ready", **told}, status=200 if is_ready else 503)


@require_safe
@never_cache
@login_not_required
@declares(Right.VIEW)
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus, with a token of the scope read: the figures tell what is deployed and how often it fails."""
    try:
        if _ask(request) is None:
            return problems.unauthenticated()
    except UserError as error:
        return problems.of_user_error(request, error)
    return HttpResponse(exposition(measures()), content_type=CONTENT_TYPE)


def _state_of_database() -> str:
    try:
        executor = MigrationExecutor(connection)
        is_behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "unreachable"
    return "migrations are missing" if is_behind else "ok"


def _state_of_broker() -> str:
    """Its absence costs seconds only, since `watch` finds every due row."""
    return _asked(lambda: current_app.connection_for_write(connect_timeout=BROKER_SECONDS))


def _asked(connect: Callable[[], object]) -> str:
    try:
        with connect() as link:  # type: ignore[attr-defined]  # kombu is not typed
            link.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
    except Exception:  # noqa: BLE001  # kombu raises many types; every one means that it is away
        return "away"
    return "ok"


def _state_of_tokens() -> str:
    """The end of the first one that is near, without its name: nobody has signed in here."""
    end = Observer.objects.aggregate(first=Min("token_expires_at"))["first"]
    if end is None or end > timezone.now() + timedelta(days=WARN_DAYS):
        return "ok"
    return f"{'expired' if end <= timezone.now() else 'expires'} on {end:%Y-%m-%d}"


def _state_of_renderer(*, is_ready: bool) -> str:
    """The weaker of what this process allows and what a worker, which renders, said last."""
    said = _said_by_worker() if is_ready else None
    return "isolated" if protection().isolated and (said or {}).get("isolated", True) else "shares the network"


def _said_by_worker() -> dict[str, Any] | None:
    try:
        [answer] = ask(Question("protection"), fresh=PROTECTION_FRESH)
    except DatabaseError:  # it can be read and not written: that keeps nobody from being served
        return None
    return answer.body
