"""The platform's hub as the panel uses it: health, its tenants, one event for one tenant, and a tenant's metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from controlpanel.clients import errors
from controlpanel.clients.argocd_json import storable
from controlpanel.clients.http_endpoint import Answer, Endpoint

SYSTEM = "The hub"
HEADER = "X-Tenant"
HEALTH, EVENTS = "/api/health", "/api/hub/events"
METRICS = ("hub_tenant_request_total", "hub_agent_latency_seconds", "hub_agent_error_total", "hub_orchestrator_health")
"""Those that the platform promises; each series carries `tenant_id`."""
TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
MOST_TENANTS = 100_000


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event for one tenant. The same `id` again is the same event."""

    id: str
    tenant: str
    type: str
    source: str
    at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As the hub's interface has it."""
        stamp = self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "id": self.id, "tenantId": self.tenant, "type": self.type, "source": self.source, "timestamp": stamp,
            "payload": dict(self.payload),
        }  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One series of a metric and its value."""

    name: str
    labels: Mapping[str, str]
    value: float


class Hub:
    """One environment's hub; safe to share between threads."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._endpoint = Endpoint(SYSTEM, url, transport=transport)
        self.url = self._endpoint.url

    def __repr__(self) -> str:
        return f"Hub({self.url!r})"

    def close(self) -> None:
        self._endpoint.close()

    def health(self, tenant: str = "") -> None:
        """Return if the hub says that it is well, for everybody or as one tenant sees it; raises `ClientError`."""
        headers = as_tenant(tenant) if tenant else {}
        self._endpoint.get(f"say how it is{f' to {tenant}' if tenant else ''}", HEALTH, headers=headers)

    def answers(self, path: str, tenant: str) -> None:
        """Return if an address of the hub answers this tenant with a success; raises `ClientError`."""
        self._endpoint.get(f"answer {path} to {tenant}", path, headers=as_tenant(tenant))

    def ask_health(self, tenant: str, *, trace: str) -> Answer:
        """What the hub says of its health to one tenant; `trace` (32 hexadecimal digits) finds the request in the traces."""
        headers = {**as_tenant(tenant), **traced(trace)}
        return self._endpoint.exchange(f"say how it is to {tenant}", "GET", HEALTH, headers=headers)

    def offer_event(self, event: Event, *, trace: str) -> Answer:
        """What the hub says to one event. After `Ambiguous` it may have been taken: the same event may be offered again."""
        what, headers = f"take the event {event.type} for {event.tenant}", as_tenant(event.tenant)
        return self._endpoint.exchange(what, "POST", EVENTS, body=event.body(), headers={**headers, **traced(trace)})

    def tenants(self) -> tuple[str, ...]:
        """The slugs of the tenants that the hub knows, sorted."""
        what = "list its tenants"
        answer = _json(self._endpoint.get(what, "/api/tenants"), what)
        listed = answer if isinstance(answer, list) else _first_list(answer)
        return tuple(sorted(filter(None, map(_slug, listed[:MOST_TENANTS]))))

    def post_event(self, event: Event) -> str:
        """Hand over one event; what the hub says of it (`status`). After `Ambiguous` it may have been taken."""
        what = f"take the event {event.type} for {event.tenant}"
        received = self._endpoint.post(what, EVENTS, event.body(), headers=as_tenant(event.tenant))
        answer = _json(received, what)
        status = answer.get("status") if isinstance(answer, dict) else None
        return storable(status)[:100] if isinstance(status, str) else ""

    def metrics(self, tenant: str) -> tuple[Sample, ...]:
        """The promised metrics of one tenant, other tenants' series left out."""
        what = f"show the metrics of {tenant}"
        text = self._endpoint.get(what, "/api/hub/metrics", headers=as_tenant(tenant)).decode(errors="replace")
        try:
            return tuple(sample for sample in _samples(text) if sample.labels.get("tenant_id") == tenant)
        except ValueError:
            raise errors.Ambiguous(f"{SYSTEM} answered no Prometheus text when asked to {what}.") from None


def as_tenant(slug: str) -> dict[str, str]:
    """The header under which the hub answers one tenant. Raises `Invalid` for what is no slug."""
    if not TENANT.fullmatch(slug):
        raise errors.Invalid(f"{slug[:80]!r} is not the slug of a tenant.", "Use lower-case letters, digits and “-”.")
    return {HEADER: slug}


def traced(trace: str) -> dict[str, str]:
    """The header of W3C Trace Context under which the hub's own spans of the request are found; it asks to be recorded."""
    return {"traceparent": f"00-{trace}-{trace[:16]}-01"}


def _samples(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(storable(text)):
        for sample in family.samples:
            if sample.name.startswith(METRICS):
                yield Sample(sample.name, dict(sample.labels), float(sample.value))


def _first_list(answer: Any) -> list[Any]:
    found = (answer.get(key) for key in ("items", "tenants", "data")) if isinstance(answer, dict) else ()
    return next((entry for entry in found if isinstance(entry, list)), [])


def _slug(entry: Any) -> str:
    """A tenant may be listed as its slug or as an object that holds it."""
    if isinstance(entry, dict):
        entry = next((entry[key] for key in ("slug", "tenantId", "id", "name") if isinstance(entry.get(key), str)), "")
    return entry if isinstance(entry, str) and TENANT.fullmatch(entry) else ""


def _json(received: bytes, what: str) -> Any:
    try:
        return json.loads(received or b"{}")
    except (ValueError, RecursionError):
        raise errors.Ambiguous(
            f"{SYSTEM} gave an answer that is no JSON when asked to {what}.", "Check that the address is the hub's."
        ) from None
