"""The metrics that the platform promises, by tenant: steady counters whose errors the control route sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sandbox.tenant_hub import TenantHub

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
TYPES = {
    "hub_tenant_request_total": "counter", "hub_agent_latency_seconds": "histogram", "hub_agent_error_total": "counter",
    "hub_orchestrator_health": "gauge",
}  # fmt: skip


class Series(NamedTuple):
    """One series: its value now, and by how much it grows a second."""

    name: str
    labels: dict[str, str]
    value: float
    rate: float


def series(hub: TenantHub, tenant: str, now: float) -> Iterator[Series]:
    """Everything of one tenant. Counters count since midnight."""
    since, seed = now % 86_400, sum(tenant.encode())
    labels = {"tenant_id": tenant}

    def counter(name: str, rate: float, **more: str) -> Series:
        return Series(name, labels | more, round(rate * since, 3), rate)

    requests, latency = 0.5 + seed % 40 / 10, 0.2 + seed % 7 / 10
    yield counter("hub_tenant_request_total", requests)
    for bound in BUCKETS:
        share = min(1.0, bound / (2 * latency))
        yield counter("hub_agent_latency_seconds_bucket", requests * share, le=str(bound))
    yield counter("hub_agent_latency_seconds_bucket", requests, le="+Inf")
    yield counter("hub_agent_latency_seconds_sum", requests * latency)
    yield counter("hub_agent_latency_seconds_count", requests)
    yield counter("hub_agent_error_total", hub.error_rate(tenant, now))
    yield Series("hub_orchestrator_health", labels, float(hub.is_well(tenant)), 0.0)


def vector(hub: TenantHub, name: str, now: float) -> list[Series]:
    """Every tenant's series of one name."""
    if name == "up":
        return [Series("up", {"job": "backend", "instance": "backend:4000"}, float(hub.is_well()), 0.0)]
    return [one for tenant in sorted(hub.tenants()) for one in series(hub, tenant, now) if one.name == name]


def exposition(hub: TenantHub, tenants: Iterable[str], now: float) -> str:
    """Prometheus text, each metric's series together."""
    everything = [one for tenant in tenants for one in series(hub, tenant, now)]
    lines: list[str] = []
    for name, kind in TYPES.items():
        lines.append(f"# TYPE {name} {kind}")
        lines += [_line(one) for one in everything if one.name.startswith(name)]
    return "\n".join(lines) + "\n"


def _line(one: Series) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in one.labels.items())
    return f"{one.name}{{{labels}}} {one.value:g}"
