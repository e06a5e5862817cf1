"""The series of `/api/hub/metrics` and `/api/metrics`, by tenant where they belong to one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client import generate_latest as as_text

TENANT = ["tenant_id"]


class Measures:
    """What one process has counted."""

    def __init__(self) -> None:
        self.of_tenants = CollectorRegistry()
        self.of_process = CollectorRegistry()
        ProcessCollector(registry=self.of_process)
        PlatformCollector(registry=self.of_process)
        self.requests = Counter("hub_tenant_request_total", "Requests of a tenant.", TENANT, registry=self.of_tenants)
        self.errors = Counter("hub_agent_error_total", "Failed calls of agents.", TENANT, registry=self.of_tenants)
        self.latency = Histogram("hub_agent_latency_seconds", "Calls of agents.", TENANT, registry=self.of_tenants)
        self.orchestrator = Gauge(
            "hub_orchestrator_health", "1 while the orchestrator answers.", TENANT, registry=self.of_tenants
        )

    def tenants_text(self, tenants: list[str], *, orchestrator_is_up: bool) -> bytes:
        """Every tenant's series, those included that nobody asked for yet."""
        for tenant in tenants:
            self.requests.labels(tenant)
            self.errors.labels(tenant)
            self.latency.labels(tenant)
            self.orchestrator.labels(tenant).set(orchestrator_is_up)
        return as_text(self.of_tenants)

    def process_text(self) -> bytes:
        """The process itself."""
        return as_text(self.of_process)
