"""The hub's interface as the platform describes it, and answers that it never promised."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest

from controlpanel.clients import errors
from controlpanel.clients.hub import Event, Hub

METRICS = """\
# TYPE hub_tenant_request_total counter
hub_tenant_request_total{tenant_id="chat365"} 41
hub_tenant_request_total{tenant_id="nova-fertility"} 7
# TYPE hub_agent_latency_seconds histogram
hub_agent_latency_seconds_bucket{tenant_id="chat365",le="0.5"} 12
hub_agent_latency_seconds_sum{tenant_id="chat365"} 3.5
hub_agent_latency_seconds_count{tenant_id="chat365"} 12
# TYPE something_else gauge
something_else{tenant_id="chat365"} 1
"""
EVENT = Event(
    id="0198c0de-0000-7000-8000-000000000001", tenant="chat365", type="infra.deploy", source="argo",
    at=datetime(2026, 11, 23, 18, 3, 21, tzinfo=UTC), payload={"buildId": "2026.11.3"},
)  # fmt: skip


class Asked:
    """A hub that always answers the same and remembers what it was asked."""

    def __init__(self, status: int = 200, text: str = "{}") -> None:
        self.requests: list[httpx.Request] = []
        self.status, self.text = status, text
        self.hub = Hub("http://hub.example.test", transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status, text=self.text)


@pytest.mark.parametrize("status", [200, 202])
def test_an_event_is_posted_for_its_tenant(status: int) -> None:
    asked = Asked(status, '{"status": "queued"}')
    assert asked.hub.post_event(EVENT) == "queued"
    (request,) = asked.requests
    assert (request.method, request.url.path, request.headers["X-Tenant"]) == ("POST", "/api/hub/events", "chat365")
    assert json.loads(request.content) == {
        "id": EVENT.id, "tenantId": "chat365", "type": "infra.deploy", "source": "argo",
        "timestamp": "2026-11-23T18:03:21.000Z", "payload": {"buildId": "2026.11.3"},
    }  # fmt: skip


def test_health_is_asked_for_everybody_or_as_one_tenant() -> None:
    asked = Asked()
    asked.hub.health()
    asked.hub.health("chat365")
    assert [request.headers.get("X-Tenant") for request in asked.requests] == [None, "chat365"]


@pytest.mark.parametrize(
    "text",
    [
        '["nova-fertility", "chat365"]',
        '[{"slug": "chat365", "name": "Chat"}, {"slug": "nova-fertility"}]',
        '{"items": [{"id": "chat365"}, {"tenantId": "nova-fertility"}]}',
        '{"tenants": ["chat365", "nova-fertility", 7, null, "Not A Slug", {"slug": "a\\r\\nb"}]}',
    ],
)
def test_tenants_are_listed_in_whatever_shape(text: str) -> None:
    assert Asked(text=text).hub.tenants() == ("chat365", "nova-fertility")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"items": 7}', "null", "7"])
def test_a_hub_without_tenants_has_none(text: str) -> None:
    assert Asked(text=text).hub.tenants() == ()


def test_only_the_tenants_own_promised_metrics_are_read() -> None:
    asked = Asked(text=METRICS)
    samples = asked.hub.metrics("chat365")
    assert {sample.labels["tenant_id"] for sample in samples} == {"chat365"}
    assert {sample.name: sample.value for sample in samples} == {
        "hub_tenant_request_total": 41, "hub_agent_latency_seconds_bucket": 12, "hub_agent_latency_seconds_sum": 3.5,
        "hub_agent_latency_seconds_count": 12,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["<html>sign in</html>", 'hub_tenant_request_total{tenant_id="chat365"', "{{{"])
def test_text_that_is_not_prometheus_is_said(text: str) -> None:
    with pytest.raises(errors.Ambiguous):
        Asked(text=text).hub.metrics("chat365")


def test_an_answer_that_is_no_json_is_said() -> None:
    with pytest.raises(errors.Ambiguous, match="no JSON"):
        Asked(text="<html>sign in</html>").hub.post_event(EVENT)


@pytest.mark.parametrize("slug", ["", "a b", "a\r\nX-Tenant: other", "A", "-a", "a" * 64, "ä", "a/../b"])
def test_what_is_no_slug_never_becomes_a_header(slug: str) -> None:
    asked = Asked()
    with pytest.raises(errors.Invalid):
        asked.hub.metrics(slug)
    assert not asked.requests
