"""A hub, a Prometheus and a real Valkey for tests: what they are asked is remembered, what they answer can be said."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import redis

from controlpanel.catalog import hub_connections
from controlpanel.catalog.models import Environment
from controlpanel.clients.hub import Hub
from controlpanel.clients.prometheus import Prometheus
from controlpanel.clients.redis import Redis
from tests.chaos.broker import Broker


@dataclass
class Outside:
    """What runs beside every environment. `answers` are statuses (or errors) of posted events by tenant, 202 unless said."""

    broker: Broker
    answers: dict[str, int | Exception] = field(default_factory=dict)
    posted: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    unwell: set[str] = field(default_factory=set)
    writes: bool = True

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer instead of whatever the catalog names."""
        transport = httpx.MockTransport(self._answer)
        hub, prometheus = Hub("http://hub.test", transport=transport), Prometheus("http://p.test", transport=transport)
        self.redis = Redis(self.broker.url)
        for name, client in (("hub_for", hub), ("prometheus_for", prometheus), ("redis_for", self.redis)):
            monkeypatch.setattr(hub_connections, name, lambda _, client=client: client)
        for name in ("has_hub", "is_named", "is_watched"):
            monkeypatch.setattr(hub_connections, name, self._is_there)

    def ids(self) -> list[str]:
        """The ids of everything that was posted, in order."""
        return [event["id"] for event in self.posted]

    @staticmethod
    def _is_there(environment: Environment) -> bool:
        return True

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/query":
            return self._query(request)
        tenant = request.headers.get("X-Tenant", "")
        if request.method == "POST":
            return self._take(tenant, json.loads(request.content))
        return httpx.Response(404 if tenant in self.unwell else 200, json={"status": "ok"})

    def _query(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        self.asked.append(request.url.params.get("query") or form["query"][0])
        result = [{"metric": {"tenant_id": slug}, "value": [1, str(value)]} for slug, value in self.values.items()]
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": result}})

    def _take(self, tenant: str, event: dict[str, Any]) -> httpx.Response:
        answer = self.answers.get(tenant, 202)
        if isinstance(answer, httpx.ConnectError):
            raise answer
        self.posted.append(event)
        if self.writes and not (isinstance(answer, int) and 400 <= answer < 500):
            self.broker_client().xadd(f"{tenant}:hub:events", {key: json.dumps(value) if isinstance(value, dict) else value for key, value in event.items()})  # fmt: skip
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, json={"status": "accepted"})

    def broker_client(self) -> Any:
        """Where the hub writes."""
        return redis.Redis(port=self.broker.port)
