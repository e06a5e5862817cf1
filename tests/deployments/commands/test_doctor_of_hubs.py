"""What `doctor` says of what runs beside an environment: its hub, its Prometheus, its Redis."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from controlpanel.catalog import hub_connections
from controlpanel.catalog.document import CatalogDocument, parse
from controlpanel.clients.hub import Hub
from controlpanel.clients.prometheus import Prometheus
from controlpanel.clients.redis import Redis
from deployments.services import checkup_hub
from deployments.services.findings import Level
from tests import fixtures_deployments as rows
from tests.docs.documents import ROOT
from tests.world import free_port

pytestmark = pytest.mark.django_db
NAMES = ("STAGING_HUB_URL", "STAGING_PROMETHEUS_URL", "STAGING_REDIS_URL")


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> CatalogDocument:
    """The reference platform's catalog in force, none of its variables set."""
    rows.platform()
    document = parse((ROOT / "platform.yaml").read_text("utf-8"), filename="platform.yaml")
    monkeypatch.setattr(hub_connections, "current_document", lambda: document)
    monkeypatch.setattr(hub_connections, "current_version", lambda: object())
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return document


def findings(catalog: CatalogDocument) -> list[tuple[Level, str, str]]:
    return list(checkup_hub.environment(catalog.environment("staging")))


def test_what_is_not_configured_is_a_warning_that_names_the_variable(catalog: CatalogDocument) -> None:
    found = findings(catalog)
    assert [level for level, _, _ in found] == [Level.WARN] * 3
    for name, (_, sentence, remedy) in zip(NAMES, found, strict=True):
        assert name in sentence
        assert name in remedy


def test_what_does_not_answer_stops_no_promotion(catalog: CatalogDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, scheme in zip(NAMES, ("http", "http", "redis"), strict=True):
        monkeypatch.setenv(name, f"{scheme}://127.0.0.1:{free_port()}")
    found = findings(catalog)
    assert [level for level, _, _ in found] == [Level.WARN] * 3
    assert all("cannot be reached" in sentence for _, sentence, _ in found)


def test_what_answers_is_told_in_one_line_each(catalog: CatalogDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        scalar = {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}
        bodies: dict[str, Any] = {"/api/tenants": ["chat365", "nova-fertility"], "/api/v1/query": scalar}
        return httpx.Response(200, json=bodies.get(request.url.path, {}))

    class Store:
        def info(self, section: str) -> dict[str, str]:
            return {"valkey_version": "8.1.8"}

    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(hub_connections, "hub_for", lambda _: Hub("https://hub.test", transport=transport))
    monkeypatch.setattr(hub_connections, "prometheus_for", lambda _: Prometheus("https://a.test", transport=transport))
    monkeypatch.setattr(hub_connections, "redis_for", lambda _: Redis("", client=Store()))  # type: ignore[arg-type]
    assert findings(catalog) == [
        (Level.OK, "The hub answers and knows 2 tenants.", ""),
        (Level.OK, "Prometheus answers.", ""),
        (Level.OK, "Redis 8.1.8 answers.", ""),
    ]


def test_an_address_without_tls_is_warned_of(catalog: CatalogDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json=[]))
    monkeypatch.setattr(hub_connections, "hub_for", lambda _: Hub("http://hub.example.test", transport=answer))
    assert (Level.WARN, "Use https.") in [(level, remedy) for level, _, remedy in findings(catalog)]
