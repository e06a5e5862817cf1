"""The stand-ins answer the hub's interface, and keep tenants apart."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from script.development import local_environment
from tests.docker.hub import OTHER, TENANT, Hub

EVENTS = "/api/hub/events"


def event(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()), "tenantId": TENANT, "type": "infra.deploy", "source": "argo",
        "timestamp": "2026-11-30T12:00:00Z", "payload": {"buildId": "2026.11.4"}, **changes,
    }  # fmt: skip


def test_an_event_is_kept_once_in_its_tenants_stream(hub: Hub) -> None:
    sent = event()
    first, again = (hub.ask("POST", EVENTS, TENANT, json=sent) for _ in range(2))

    assert (first.status_code, first.json()) == (202, {"status": "accepted"})
    assert (again.status_code, again.json()) == (200, {"status": "duplicate"})
    kept = [fields for _, fields in hub.streams.xrange(f"{TENANT}:hub:events") if fields[b"id"].decode() == sent["id"]]
    assert [{name.decode(): value.decode() for name, value in fields.items()} for fields in kept] == [
        {**sent, "payload": json.dumps(sent["payload"])}
    ]
    assert sent["id"] not in str(hub.streams.xrange(f"{OTHER}:hub:events"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tenantId": OTHER}, "different tenants"),
        ({"payload": []}, "payload is an object"),
        ({"id": ""}, "id must be a text"),
        ({"type": 5}, "type must be a text"),
        ({"source": None}, "source must be a text"),
        ({"timestamp": "yesterday"}, "no time of RFC 3339"),
        ({"timestamp": "2026-11-30T12:00:00"}, "no time zone"),
    ],
)
def test_a_wrong_event_is_refused_and_not_kept(hub: Hub, changes: dict[str, Any], said: str) -> None:
    before = hub.streams.xlen(f"{TENANT}:hub:events")
    answer = hub.ask("POST", EVENTS, TENANT, json=event(**changes))

    assert answer.status_code == 422
    assert said in answer.text
    assert hub.streams.xlen(f"{TENANT}:hub:events") == before


@pytest.mark.parametrize("tenant", [None, "nobody", "../etc", "CHAT365"])
def test_who_is_no_tenant_sees_nothing(hub: Hub, tenant: str | None) -> None:
    assert hub.ask("GET", "/api/hub/registry", tenant).status_code == 404
    assert hub.ask("POST", EVENTS, tenant, json=event()).status_code == 404


def test_health_is_of_the_process_or_of_the_tenant(hub: Hub) -> None:
    assert hub.ask("GET", "/api/health").json() == {"status": "ok"}
    assert hub.ask("GET", "/api/health", TENANT).json() == {"status": "ok", "tenant": TENANT, "missing": []}
    assert hub.ask("GET", "/api/health", "nobody").status_code == 404


def test_a_tenant_comes_and_a_key_goes_without_a_restart(hub: Hub) -> None:
    for key, make in local_environment.OF_TENANT.items():
        (hub.credentials / f"nova-klinik.{key}").write_text(make())
    assert hub.ask("GET", "/api/health", "nova-klinik").status_code == 200
    (hub.credentials / "nova-klinik.DOKTOR365_SECRET").unlink()
    answer = hub.ask("GET", "/api/health", "nova-klinik")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["DOKTOR365_SECRET"])
    assert hub.ask("POST", EVENTS, "nova-klinik", json=event(tenantId="nova-klinik")).status_code == 503
    (hub.credentials / "nova-klinik.ONLYCHANNEL_ACCOUNT_TOKEN").unlink()
    assert {"id": "nova-klinik"} not in hub.ask("GET", "/api/tenants").json()


def test_tenants_are_listed_and_under_a_header_one_alone(hub: Hub) -> None:
    assert {"id": TENANT} in hub.ask("GET", "/api/tenants").json()
    assert hub.ask("GET", "/api/tenants", OTHER).json() == [{"id": OTHER}]


def test_the_registry_is_cached_and_the_token_lives_for_55_minutes(hub: Hub) -> None:
    agents = hub.ask("GET", "/api/hub/registry", TENANT).json()["agents"]

    streams = hub.streams
    assert json.loads(streams.get(f"{TENANT}:hub:registry:agents") or "") == agents
    assert 54 * 60 < streams.ttl(f"{TENANT}:onlychannel:token") <= 55 * 60
    assert hub.keys(TENANT)["ONLYCHANNEL_ACCOUNT_TOKEN"] not in hub.ask("GET", "/api/hub/registry", TENANT).text


def test_every_series_of_the_hub_carries_its_tenant(hub: Hub) -> None:
    text = hub.ask("GET", "/api/hub/metrics").text

    for name in ("hub_tenant_request_total", "hub_agent_latency_seconds_count", "hub_agent_error_total"):
        assert f'{name}{{tenant_id="{OTHER}"}}' in text
    assert f'hub_orchestrator_health{{tenant_id="{TENANT}"}} 1.0' in text
    assert [line for line in text.splitlines() if line[:1] != "#" and "tenant_id=" not in line] == []
    assert "process_cpu_seconds_total" in hub.ask("GET", "/api/metrics").text


def test_the_orchestrator_answers_health_and_metrics(hub: Hub) -> None:
    assert httpx.get(f"{hub.orchestrator}/health").json() == {"status": "ok"}
    assert "process_cpu_seconds_total" in httpx.get(f"{hub.orchestrator}/metrics").text


def test_the_frontend_is_as_a_cdn_likes_it(hub: Hub) -> None:
    page = httpx.get(hub.frontend)
    assert page.headers["content-encoding"] == "gzip"
    assert page.headers["cache-control"].startswith("public, max-age=0, s-maxage=60")
    assert httpx.get(hub.frontend, headers={"If-None-Match": page.headers["etag"]}).status_code == 304

    style = httpx.get(hub.frontend + page.text.split('rel="stylesheet" href="')[1].split('"')[0])
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert style.headers["content-encoding"] == "gzip"
    assert style.headers["vary"] == "Accept-Encoding"
