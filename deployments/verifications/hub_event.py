"""The hub takes a test event of each tenant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from controlpanel.catalog import hub_connections
from controlpanel.clients.hub import EVENTS, HEADER, Event, Hub
from deployments.verifications.base import Asked, Sample, sampled, verification
from deployments.verifications.tenants import asked_of

TYPE, SOURCE = "panel.test", "control-panel"
ADVICE = "Read the hub's answer: a refusal names the field, an error usually means that the backend reaches neither Kafka nor Redis. Look for the trace id in Tempo."


@verification("hub_event", by_tenant=True, once=True, advice=ADVICE)
def hub_event(asked: Asked, slugs: Sequence[str]) -> Iterator[Sample]:
    """`POST /api/hub/events` under `X-Tenant`: the same event of a run until it is taken, which is enough."""
    hub = hub_connections.hub_for(asked.environment)
    return asked_of(slugs, partial(_offer, hub, asked))


def _offer(hub: Hub, asked: Asked, slug: str) -> Sample:
    event = Event(
        id=asked.event_id(slug), tenant=slug, type=TYPE, source=SOURCE, at=asked.began_at,
        payload={"promotion": asked.number},
    )  # fmt: skip
    request = f"POST {EVENTS}, {HEADER}: {slug}, {TYPE} {event.id}"
    return sampled(asked, slug, request, lambda trace: hub.offer_event(event, trace=trace))
