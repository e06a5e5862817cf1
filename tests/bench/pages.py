"""Every page at 10 and at 1,000 Applications: queries, server time, and what goes over the wire.

Rows are written directly: environments of ten Applications each, every one with Pods, and a history of promotions.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import statistics
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlpanel.accounts.models import RoleBinding, User
from controlpanel.catalog.models import Component, Environment
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from deployments.choices import Confidence, Rollout, State
from deployments.models import Application, Observer, Promotion, PromotionComponent, Release
from tests.bench.figures import Figure

COMPONENTS = tuple(f"part{number}" for number in range(10))
GATES = [{"name": name} for name in ("digest-current", "lane-free", "pipeline-order", "applications-healthy")]
HISTORY = 1000
TIMES = 9
COMMIT = "c" * 40
PAGES = {
    "board": "/",
    "environment": "/environments/e000",
    "promote": "/environments/e000/promote?release=2.0.0",
    "rollback": "/environments/e000/rollback",
    "promotions": "/promotions",
    "promotions, filtered": "/promotions?environment=e000&state=ended&kind=release&since=2020-01-01",
    "promotion": "/promotions/1001",
    "promotion, commit": "/promotions/1001?tab=commit",
    "promotion, log": "/promotions/1001?tab=log",
    "promotion, audit": "/promotions/1001?tab=audit",
    "approvals": "/approvals",
    "freezes": "/freezes",
    "plans": "/plans",
    "releases": "/releases",
    "release": "/releases/1.0.0",
    "new release": "/releases/new",
    "compare": "/compare?from=1.0.0&to=2.0.0",
    "applications": "/applications",
    "application": "/applications/part0-e000",
    "application, resource": "/applications/part0-e000?resource=Deployment/part0",
    "audit": "/audit",
    "audit, one entry": "/audit/1",
    "insights": "/insights",
    "catalog": "/settings/catalog",
    "tokens": "/settings/tokens",
    "notifications": "/settings/notifications",
    "status": "/settings/status",
    "account": "/settings/account",
    "component sheet": "/settings/components",
    "tenants' configuration": "/environments/e000/configuration",
    "reviews": "/reviews",
    "new tenant": "/onboarding",
    "import of tenants": "/onboarding/import",
    "search": "/search?q=part",
}
"""Every page by its name; `tests/deployments/views/test_every_page.py` says which is missing."""
MOST_KILOBYTES = 60.0


@dataclass(frozen=True)
class Seen:
    """One page as it was read: queries, median milliseconds, kilobytes as sent compressed."""

    queries: int
    milliseconds: float
    kilobytes: float


def run(directory: Path, database_url: str, options: argparse.Namespace) -> list[Figure]:
    """Ten Applications, look; a thousand, look again."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.COMPONENT_SHEET = True
    logging.disable(logging.CRITICAL)
    browser = browser_of_everyone()
    grow(1, 10)
    few = {name: look(browser, address) for name, address in PAGES.items()}
    grow(options.environments, HISTORY)
    many = {name: look(browser, address) for name, address in PAGES.items()}
    return [figure for name in PAGES for figure in _figures(name, few[name], many[name])]


def _figures(name: str, few: Seen, many: Seen) -> list[Figure]:
    return [
        Figure(f"{name}: queries at 1,000", many.queries, most=few.queries),
        Figure(f"{name}: time at 10", few.milliseconds, "ms"),
        Figure(f"{name}: time at 1,000", many.milliseconds, "ms"),
        Figure(f"{name}: compressed at 1,000", many.kilobytes, "KB", most=MOST_KILOBYTES),
    ]


def look(browser: Client, address: str, times: int = TIMES) -> Seen:
    """Read a page: once so that what is made at the first look is there, then counted, then with the clock."""
    answer = browser.get(address)
    assert answer.status_code == 200, f"{address} answers {answer.status_code}"
    with CaptureQueriesContext(connection) as captured:
        browser.get(address)
        queries = len(captured)  # now: the next request empties the log
    took = []
    for _ in range(times):
        began = time.perf_counter()
        browser.get(address)
        took.append(1000 * (time.perf_counter() - began))
    return Seen(queries, statistics.median(took or [0.0]), len(gzip.compress(answer.content)) / 1024)


def browser_of_everyone() -> Client:
    """Of somebody who may open every page."""
    user = User.objects.create_user(username="elif", display_name="Elif Kaya")
    RoleBinding.objects.create(user=user, role=Role.ADMINISTRATOR)
    RoleBinding.objects.create(user=user, role=Role.RELEASE_MANAGER)
    browser = Client()
    browser.force_login(user)
    return browser


def grow(environments: int, history: int) -> None:
    """As many environments and promotions as are said, those that are there included."""
    for position, name in enumerate(COMPONENTS):
        Component.objects.get_or_create(
            name=name,
            defaults={"position": position, "path": f"kubernetes/{name}", "renderer": "kustomize", "images": [name]},
        )
    if not AuditEvent.objects.exists():
        audit.record(actor=audit.SYSTEM, action="bootstrap", message="The platform was bootstrapped.")
    Observer.objects.update_or_create(server_from="ARGOCD_SERVER", defaults={"heard_at": timezone.now()})
    places = [_place(position) for position in range(environments)]
    known = set(Application.objects.values_list("name", flat=True))
    wanted = [_application(name, place) for place in places for name in COMPONENTS]
    Application.objects.bulk_create(row for row in wanted if row.name not in known)
    release = _release("1.0.0")
    for number in range(history // 10):
        _release(f"2.{number}.0")
    _promotions(places, release, history - Promotion.objects.count())


def _place(position: int) -> Environment:
    name = f"e{position:03}"
    values = {
        "title": name, "position": position, "branch": f"env/{name}", "project": "bench", "server_from": "ARGOCD_SERVER",
        "token_from": "ARGOCD_TOKEN", "gates": GATES,
    }  # fmt: skip
    return Environment.objects.get_or_create(name=name, defaults=values)[0]


def _application(component: str, place: Environment) -> Application:
    pods = [
        {
            "name": f"{component}-{number}", "namespace": place.name, "ready": 1, "total": 1, "status": "Running", "health": "Healthy",
            "message": "", "restarts": 0, "is_new": False, "created_at": None,
        }
        for number in range(3)
    ]  # fmt: skip
    return Application(
        name=f"{component}-{place.name}", environment=place, component=component, sync="Synced", health="Healthy", revision=COMMIT,
        observed_at=timezone.now(), pods=pods, images=[f"registry.example.com/{component}@sha256:{'a' * 64}"],
    )  # fmt: skip


def _release(version: str) -> Release:
    images = {name: f"registry.example.com/{name}@sha256:{'a' * 64}" for name in COMPONENTS}
    values = {"commit": COMMIT, "images": images, "title": f"Release {version}", "created_by": "ci"}
    return Release.objects.get_or_create(version=version, defaults=values)[0]


def _promotions(places: list[Environment], release: Release, count: int) -> None:
    """Successes, spread over the environments and the last weeks."""
    now = timezone.now()
    rows = Promotion.objects.bulk_create(
        Promotion(
            environment=places[number % len(places)], release=release, requested_by="elif", requested_door="page", reason="Measured.",
            state=State.SUCCEEDED, render_digest="d" * 64, commit=COMMIT, committed_at=now - timedelta(hours=number),
            started_at=now - timedelta(hours=number, minutes=5), finished_at=now - timedelta(hours=number), confidence=Confidence.OBSERVED,
            plan={"base": "", "parts": {}, "changed": [], "waves": [list(COMPONENTS)]}, live_revision=COMMIT, wave=1,
        )
        for number in range(count)
    )  # fmt: skip
    PromotionComponent.objects.bulk_create(
        PromotionComponent(
            promotion=row, component=name, application=f"{name}-{row.environment.name}", wave=1, is_changed=True,
            state=Rollout.DONE, finished_at=row.finished_at,
        )
        for row in rows
        for name in COMPONENTS
    )  # fmt: skip
