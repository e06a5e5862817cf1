"""The hub says to each tenant that it is well: a smoke request under the tenant's own header."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from controlpanel.catalog import hub_connections
from controlpanel.catalog.parameters import unknown
from controlpanel.clients.hub import HEADER, HEALTH, Hub
from deployments.verifications.base import Asked, Sample, sampled, verification
from deployments.verifications.tenants import asked_of

WITHIN_SECONDS = 5.0
ADVICE = "Look for the trace id in Tempo and for the tenant in the backend's log. One tenant alone usually lacks a credential or has a wrong one; many at once point at the release."


def _check(parameters: Mapping[str, Any]) -> list[str]:
    wrong = unknown(parameters, "withinSeconds")
    within = parameters.get("withinSeconds", WITHIN_SECONDS)
    if not isinstance(within, (int, float)) or isinstance(within, bool) or not 0 < within <= 10:
        wrong.append("withinSeconds is a number above 0 and at most 10.")
    return wrong


@verification("tenant_health", by_tenant=True, check=_check, advice=ADVICE)
def tenant_health(asked: Asked, slugs: Sequence[str]) -> Iterator[Sample]:
    """`GET /api/health` under `X-Tenant`: a success within `withinSeconds` passes."""
    hub = hub_connections.hub_for(asked.environment)
    return asked_of(slugs, partial(_ask, hub, asked))


def _ask(hub: Hub, asked: Asked, slug: str) -> Sample:
    within = float(asked.parameters.get("withinSeconds", WITHIN_SECONDS))
    request = f"GET {HEALTH}, {HEADER}: {slug}"
    return sampled(asked, slug, request, lambda trace: hub.ask_health(slug, trace=trace), within=within)
