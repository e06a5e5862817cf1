"""The panel's own clients find at the stand-ins what the hub's interface promises: two readings of one interface agree."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from controlpanel.clients import hub as clients
from controlpanel.clients.redis import Redis
from tests.docker.hub import OTHER, TENANT, Hub


def test_the_panel_sees_tenants_health_and_metrics(hub: Hub) -> None:
    client = clients.Hub(hub.backend)
    try:
        assert {TENANT, OTHER} <= set(client.tenants())
        client.health()
        client.health(TENANT)
        client.answers("/api/hub/registry", TENANT)
        found = client.metrics(TENANT)
    finally:
        client.close()

    assert {sample.labels["tenant_id"] for sample in found} == {TENANT}
    for name in clients.METRICS:
        assert any(sample.name.startswith(name) for sample in found), name


@pytest.mark.parametrize("again", [False, True])
def test_a_deployment_is_announced_and_found_in_the_tenants_keys(hub: Hub, again: bool) -> None:
    event = clients.Event(id=str(uuid.uuid4()), tenant=TENANT, type="infra.deploy", source="argo", at=datetime.now(UTC),
                          payload={"buildId": "2026.11.4"})  # fmt: skip
    client, keys = clients.Hub(hub.backend), Redis(hub.redis_url)
    try:
        assert client.post_event(event) == "accepted"
        if again:
            assert client.post_event(event) == "duplicate"
        client.answers("/api/hub/registry", TENANT)
        assert keys.has_event(TENANT, event.id)
        assert not keys.has_event(OTHER, event.id)
        seen = keys.tenants([TENANT])[TENANT]
    finally:
        client.close()
        keys.close()
    assert seen.stream_length >= 1
    assert seen.tail[0].type == "infra.deploy"
