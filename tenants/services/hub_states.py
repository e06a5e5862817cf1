"""What the hub, Redis and Prometheus of an environment say of its tenants, read in batches and kept in rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from django.db import transaction

from controlpanel.catalog import hub_connections
from controlpanel.catalog.connections import NotConfigured
from controlpanel.catalog.models import Environment
from controlpanel.clients.errors import ClientError, Rejected
from controlpanel.clients.hub import TENANT
from controlpanel.clients.redis import TenantKeys
from controlpanel.core import live
from controlpanel.core.lease import Clock
from tenants.checklist.base import Asked
from tenants.choices import SERVED
from tenants.models import HubState, Round, Tenant
from tenants.services.looked import Looked
from tenants.services.observing import Seen, observations_record, observed_items
from tenants.services.verification import said_safely

BATCH = 500
PERIOD_SECONDS = 30.0
BETWEEN_BATCHES_SECONDS = 10.0
AT_ONCE = 8
TOLD_BY_NAME = 50
OF_REDIS = ("agents", "agents_at", "token_present", "token_ttl_seconds", "stream_length", "last_event_at", "tail")
METRICS: Mapping[str, str] = {
    "requests_per_second": "sum by (tenant_id) (rate(hub_tenant_request_total{{{0}}}[5m]))",
    "errors_per_second": "sum by (tenant_id) (rate(hub_agent_error_total{{{0}}}[5m]))",
    "latency_p95_seconds": "histogram_quantile(0.95, sum by (tenant_id, le) (rate(hub_agent_latency_seconds_bucket{{{0}}}[5m])))",
    "orchestrator_health": "min by (tenant_id) (hub_orchestrator_health{{{0}}})",
}
"""What is kept of a tenant's metrics, and the query that gives it for many at once."""
Values = dict[str, dict[str, float]]


def look(row: Round) -> Looked:
    """Those who were asked for, or else the next batch."""
    rows = Tenant.objects.filter(state__in=SERVED).order_by("slug")
    if row.asked:
        read(row.environment, list(rows.filter(slug__in=row.asked)))
        return Looked(again_in=0.0, cursor=row.cursor)
    batch = list(rows.filter(slug__gt=row.cursor)[:BATCH])
    error = read(row.environment, batch)
    is_last = len(batch) < BATCH
    cursor = "" if is_last else batch[-1].slug
    return Looked(again_in=PERIOD_SECONDS if is_last else BETWEEN_BATCHES_SECONDS, cursor=cursor, error=error)


def read(environment: Environment, tenants: Sequence[Tenant]) -> str:
    """Ask for these tenants and keep the answers; the sentence of what did not answer, "" where all did."""
    tenants = [one for one in tenants if TENANT.fullmatch(one.slug)]
    slugs = [one.slug for one in tenants]
    if not slugs:
        return ""
    keys, no_keys = _tried(lambda: hub_connections.redis_for(environment).tenants(slugs))
    metrics, no_metrics = _tried(lambda: _metrics(environment, slugs))
    error = " ".join(filter(None, (no_keys, no_metrics)))
    _keep(environment, tenants, keys, metrics, error)
    _observe(environment, slugs)
    return error


def _tried(ask: Callable[[], Any]) -> tuple[Any, str]:
    """The answer (None where there is none) and why there is none; what is not configured is no failure."""
    try:
        return ask(), ""
    except NotConfigured:
        return None, ""
    except ClientError as error:
        return None, error.sentence


def _metrics(environment: Environment, slugs: Sequence[str]) -> Values:
    prometheus = hub_connections.prometheus_for(environment)
    chosen = f'tenant_id=~"{"|".join(slugs)}"'
    found: Values = {slug: {} for slug in slugs}
    for name, query in METRICS.items():
        for sample in prometheus.query(query.format(chosen), what="tell the tenants' metrics"):
            slug = sample.labels.get("tenant_id", "")
            if slug in found and sample.value is not None and abs(sample.value) < 1e300:  # JSON knows no infinity
                found[slug][name] = round(sample.value, 4)
    return found


@transaction.atomic
def _keep(
    environment: Environment, tenants: Sequence[Tenant], keys: Mapping[str, TenantKeys] | None, metrics: Values | None, error: str
) -> None:  # fmt: skip
    """One row for each tenant. What did not answer leaves what was known, and says so."""
    now = Clock()()
    before = {row.tenant_id: row for row in HubState.objects.filter(environment=environment, tenant__in=tenants)}
    rows = []
    for one in sorted(tenants, key=lambda tenant: tenant.pk):
        row = HubState(tenant=one, environment=environment, error=said_safely(error))
        if keys is not None:
            _set_keys(row, keys[one.slug], now)
        row.metrics = (metrics or {}).get(one.slug, {})
        row.read_at = now
        rows.append(row)
    fields = [*(OF_REDIS if keys is not None else ()), *(("metrics",) if metrics is not None else ())]
    HubState.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["tenant", "environment"],
        update_fields=[*fields, *(("read_at",) if fields else ()), "error"],
    )  # fmt: skip
    _tell(row.tenant.slug for row in rows if _facts(row) != _facts(before.get(row.tenant_id)))


def _set_keys(row: HubState, found: TenantKeys, now: datetime) -> None:
    row.agents, row.agents_at = found.agents, now if found.agents is not None else None
    row.token_present, row.token_ttl_seconds = found.has_token, found.token_ttl
    row.stream_length = found.stream_length if found.has_stream else None
    row.last_event_at = found.tail[0].at if found.tail else None
    row.tail = [
        {"at": one.at.isoformat(), "type": said_safely(one.type), "source": said_safely(one.source), "note": said_safely(one.note)}
        for one in found.tail
    ]  # fmt: skip


def _facts(row: HubState | None) -> tuple[Any, ...] | None:
    """What browsers are told of when it changes; a time to live changes all the time."""
    return None if row is None else (row.agents, row.token_present, row.last_event_at, row.error, row.metrics)


def _tell(slugs: Iterable[str]) -> None:
    changed = list(slugs)
    for topic in [f"tenant.{slug}" for slug in changed] if len(changed) <= TOLD_BY_NAME else ["tenant"]:
        live.publish(topic)


def _observe(environment: Environment, slugs: Sequence[str]) -> None:
    """Answer the items of the checklist that ask the hub or Redis; most catalogs have none."""
    asked = observed_items(environment)
    if not asked:
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = [one for item in asked for one in _seen(environment, item, slugs, pool)]
    observations_record(environment, seen)


def _seen(environment: Environment, item: Asked, slugs: Sequence[str], pool: ThreadPoolExecutor) -> list[Seen]:
    now = Clock()()
    if item.type == "redis_key_present":
        names = [str(item.parameters.get("key", item.key)).replace("{tenant}", slug) for slug in slugs]
        present, why = _tried(lambda: hub_connections.redis_for(environment).present(names))
        answers = [
            (is_met, "" if is_met else f"{name} is not in Redis.")
            for is_met, name in zip(present or (), names, strict=False)
        ]
        answers = answers or [(None, why)] * len(slugs)
    else:
        answers = list(pool.map(lambda slug: _answers(environment, item, slug), slugs))
    return [
        Seen(slug=slug, type=item.type, key=item.key, is_met=is_met, evidence=why, at=now)
        for slug, (is_met, why) in zip(slugs, answers, strict=True)
    ]  # fmt: skip


def _answers(environment: Environment, item: Asked, slug: str) -> tuple[bool | None, str]:
    """Whether the hub answers this tenant: a refusal is a no, silence is no answer."""
    path = str(item.parameters.get("path", "/api/health"))
    try:
        hub_connections.hub_for(environment).answers(path, slug)
    except Rejected as error:
        return False, error.sentence
    except ClientError as error:
        return None, error.sentence
    return True, f"{path} answers."
