"""A catalog that asks for checks, tenants in rows, and a hub and a Prometheus that answer what a test says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from django.utils import timezone

from controlpanel.catalog import hub_connections
from controlpanel.catalog.loading import load_platform
from controlpanel.catalog.models import Environment
from controlpanel.clients.hub import Hub
from controlpanel.clients.prometheus import Prometheus
from controlpanel.core import audit
from deployments import lifecycle
from deployments.choices import Check, Proof, State
from deployments.models import Evidence, Promotion, PromotionComponent, Verification
from tenants.choices import TenantState
from tenants.models import Tenant
from tests.fixtures_deployments import COMPONENTS, started

HOSTILE = '503: <img src=x onerror="alert(1)">'
HEALTH = "{name: health, type: tenant_health}"
EVENT = "{name: event, type: hub_event}"
ERRORS = "{name: errors, type: prometheus_query, parameters: {query: errors, timesBefore: 2, slack: 0.1}}"


@dataclass
class Beside:
    """What runs beside every environment. `statuses` are answers by tenant, 200 unless said, or an error; `values` are
    Prometheus' now, `before` those of an earlier moment; with `is_away` it does not answer."""

    statuses: dict[str, int | Exception] = field(default_factory=dict)
    refuses: dict[str, int] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    before: dict[str, float] = field(default_factory=dict)
    is_away: bool = False
    requests: list[httpx.Request] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer instead of whatever the catalog names."""
        transport = httpx.MockTransport(self._answer)
        hub, prometheus = Hub("http://hub.test", transport=transport), Prometheus("http://p.test", transport=transport)
        monkeypatch.setattr(hub_connections, "hub_for", lambda _: hub)
        monkeypatch.setattr(hub_connections, "prometheus_for", lambda _: prometheus)

    def asked(self, path: str) -> list[str]:
        """The tenants that were asked at an address, in order."""
        return [one.headers.get("X-Tenant", "") for one in self.requests if one.url.path == path]

    def posted(self) -> list[dict[str, Any]]:
        """Every event that was offered."""
        return [json.loads(one.content) for one in self.requests if one.method == "POST"]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/api/v1/query":
            return self._query(request)
        tenant = request.headers["X-Tenant"]
        if request.method == "POST":
            return httpx.Response(self.refuses.get(tenant, 202), json={"status": "accepted"})
        status = self.statuses.get(tenant, 200)
        if isinstance(status, Exception):
            raise status
        return httpx.Response(status, json={"status": "ok" if status == 200 else "error"})

    def _query(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            raise httpx.ConnectError("refused")
        asked = dict(request.url.params) or {name: one[0] for name, one in parse_qs(request.content.decode()).items()}
        values = self.before if "time" in asked else self.values
        result = [{"metric": {"tenant_id": slug}, "value": [1, str(value)]} for slug, value in values.items()]
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": result}})


def catalog(*checks: str, observe: int = 0, limit: int = 0, on_failure: str = "pause") -> Environment:
    """Staging and production with these checks in both; returns staging."""
    verification = (
        f"{{observeSeconds: {observe}, intervalSeconds: 1, failureLimit: {limit}, onFailure: {on_failure}, "
        f"checks: [{', '.join(checks)}]}}"
    )
    place = "argocd: {project: hub, serverFrom: {env: ARGOCD_SERVER}, tokenFrom: {env: ARGOCD_TOKEN}}"
    environments = "\n".join(
        f"  {name}:\n    {after}{place}\n    destination: {{server: https://kubernetes.default.svc, namespace: hub-{name}}}\n"
        f"    verification: {verification}"
        for name, after in (("staging", ""), ("production", "after: staging\n    "))
    )
    components = "\n".join(
        f"  {name}: {{path: kubernetes/{name}, needs: [{', '.join(needs)}], images: [{name}]}}"
        for name, needs in COMPONENTS.items()
    )
    text = f"version: 1\nplatform: {{name: hub}}\nenvironments:\n{environments}\ncomponents:\n{components}\n"
    version = load_platform(actor=audit.SYSTEM, text=text, commit="c" * 40)
    assert not version.problems, version.problems
    return Environment.objects.get(name="staging")


def tenants(count: int) -> list[str]:
    """So many active tenants, by slug."""
    slugs = [f"clinic-{number:03}" for number in range(count)]
    Tenant.objects.bulk_create(
        Tenant(slug=slug, display_name=slug, state=TenantState.ACTIVE, created_by="ada") for slug in slugs
    )
    return slugs


def verifying(promotion: Promotion) -> Promotion:
    """Rolled out, with nothing verified yet."""
    started(promotion)
    PromotionComponent.objects.filter(promotion=promotion).update(state="done")
    Promotion.objects.filter(pk=promotion.pk).update(state=State.VERIFYING, wave=4)
    promotion.refresh_from_db()
    return promotion


def sampled(row: Promotion, lost: int, total: int = 60) -> Promotion:
    """Verifying, with so many tenants that failed their health; the others passed."""
    started(row)
    Promotion.objects.filter(pk=row.pk).update(state=State.VERIFYING, wave=4)
    row.refresh_from_db()
    values = {"observe_seconds": 60, "interval_seconds": 15, "failure_limit": 1}
    health = Verification.objects.create(
        promotion=row, name="health", type="tenant_health", title="Health", rounds=2, **values
    )
    Verification.objects.create(
        promotion=row, name="errors", type="prometheus_query", title="Errors", state=Check.SKIPPED,
        note="STAGING_PROMETHEUS_URL is not set.", finished_at=timezone.now(), **values,
    )  # fmt: skip
    Evidence.objects.bulk_create(
        Evidence(
            verification=health, subject=f"clinic-{number:03}", samples=2, failures=2 if number < lost else 0, at=timezone.now(),
            proof=Proof.FAILED if number < lost else Proof.PASSING, request=f"GET /api/health, X-Tenant: clinic-{number:03}",
            answer=HOSTILE if number < lost else "200 in 3 ms", trace_id=f"{number:032x}",
        )
        for number in range(total)
    )  # fmt: skip
    return row


def stopped(row: Promotion, lost: int = 3, total: int = 60) -> Promotion:
    sampled(row, lost, total).verifications.filter(name="health").update(state=Check.FAILED, finished_at=timezone.now())
    issue = {"cause": "verification_failed", "sentence": f"{lost} of {total} tenants failed Health.", "effect": "", "advice": "Look."}  # fmt: skip
    lifecycle.pause(row, actor=audit.SYSTEM, lease=None, issue=issue)
    row.refresh_from_db()
    return row
