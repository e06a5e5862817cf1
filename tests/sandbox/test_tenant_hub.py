"""The sandbox's hub: the platform's interface, keys in a real Valkey, metrics and queries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis as client_library

from controlpanel.catalog.document import parse
from controlpanel.clients import errors
from controlpanel.clients.hub import Event, Hub
from controlpanel.clients.prometheus import Prometheus
from controlpanel.clients.redis import Redis
from sandbox.app import create_app
from sandbox.world import Settings
from tests.chaos.broker import Broker
from tests.sandbox.conftest import Argo, Json, Running
from tests.world import until

EVENT: Json = {
    "id": "0198c0de-0000-7000-8000-000000000001", "tenantId": "chat365", "type": "infra.deploy", "source": "argo",
    "timestamp": "2026-11-23T18:03:21Z", "payload": {"buildId": "2026.11.3"},
}  # fmt: skip
TENANTS = ["chat365", "nova-fertility"]


@pytest.fixture
def running(tmp_path: Path, valkey: Broker) -> Iterator[Running]:
    """A sandbox that plays one hub, as quick as the tests' clock."""
    valkey.flush()
    server = Running(tmp_path / "state")
    settings = Settings(tmp_path / "hub-state", tmp_path / "git", 25.0, tmp_path / "password", {"staging": valkey.url})
    server.app = create_app(settings)
    server.server.config.app = server.app
    yield server.start()
    server.stop()
    while Argo.opened:
        Argo.opened.pop().close()


@pytest.fixture
def control(anonymous: Argo) -> Callable[..., Json]:
    """Change the hub's settings."""

    def change(**settings: Any) -> Json:
        answer = anonymous.send("PUT", "/sandbox/hubs/staging", settings)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    return change


@pytest.fixture
def hub(running: Running, control: Callable[..., Json]) -> Iterator[Hub]:
    control(tenants=TENANTS)
    made = Hub(f"{running.url}/hubs/staging")
    yield made
    made.close()


@pytest.fixture
def prometheus(running: Running, hub: Hub) -> Iterator[Prometheus]:
    made = Prometheus(f"{running.url}/hubs/staging/prometheus")
    yield made
    made.close()


def post(argo: Argo, event: Json, tenant: str = "chat365") -> Any:
    headers = {"X-Tenant": tenant} if tenant else {}
    return argo.http.post("/hubs/staging/api/hub/events", json=event, headers=headers)


def test_it_knows_its_tenants_and_tells_the_rest_nothing(hub: Hub) -> None:
    assert hub.tenants() == tuple(TENANTS)
    hub.health()
    hub.health("chat365")
    for ask in (hub.health, hub.metrics):
        with pytest.raises(errors.ClientError, match="404"):
            ask("somebody-else")


def test_a_tenant_has_its_keys_soon(hub: Hub, valkey: Broker) -> None:
    looking = Redis(valkey.url)
    until(lambda: looking.tenants(TENANTS)["chat365"].has_token, "the hub keeps the tenant's keys")
    found = looking.tenants(TENANTS)["nova-fertility"]
    assert (found.agents or 0) > 0
    assert 0 < (found.token_ttl or 0) <= 3300
    until(lambda: looking.tenants(TENANTS)["chat365"].tail, "the tenants talk")
    assert "patient" not in repr(looking.tenants(TENANTS))


def test_an_event_is_taken_once_and_lies_in_the_stream(
    hub: Hub, anonymous: Argo, valkey: Broker, control: Callable[..., Json]
) -> None:
    control(is_quiet=True)
    first, again = post(anonymous, EVENT), post(anonymous, EVENT)
    assert (first.status_code, first.json()) == (202, {"status": "accepted"})
    assert (again.status_code, again.json()) == (200, {"status": "duplicate"})
    assert Redis(valkey.url).has_event("chat365", EVENT["id"])
    with client_library.Redis(port=valkey.port, decode_responses=True) as store:
        entries: Any = store.xrange("chat365:hub:events")
    (fields,) = [fields for _, fields in entries if fields["id"] == EVENT["id"]]
    assert json.loads(fields["payload"]) == {"buildId": "2026.11.3"}
    (kept,) = control()["events"]
    assert (kept["tenant"], kept["id"]) == ("chat365", EVENT["id"])


@pytest.mark.parametrize(
    ("event", "tenant", "status"),
    [
        (EVENT, "", 400),
        (EVENT, "nova-fertility", 400),
        (EVENT, "somebody-else", 404),
        ({**EVENT, "id": ""}, "chat365", 400),
        ({**EVENT, "type": None}, "chat365", 400),
        ({**EVENT, "timestamp": "yesterday"}, "chat365", 400),
        ({**EVENT, "payload": "text"}, "chat365", 400),
        ([], "chat365", 400),
    ],
)
def test_an_event_that_is_not_as_promised_is_refused(
    hub: Hub, anonymous: Argo, event: Any, tenant: str, status: int, control: Callable[..., Json]
) -> None:
    assert post(anonymous, event, tenant).status_code == status
    assert control()["events"] == []


def test_the_panels_client_and_the_hub_agree(hub: Hub, control: Callable[..., Json]) -> None:
    event = Event(id="a-1", tenant="chat365", type="infra.deploy", source="argo", at=datetime.now(UTC))
    assert (hub.post_event(event), hub.post_event(event)) == ("accepted", "duplicate")
    assert len(control()["events"]) == 1


def test_who_is_unwell_says_so(hub: Hub, control: Callable[..., Json]) -> None:
    control(unwell=["nova-fertility"])
    hub.health()
    hub.health("chat365")
    with pytest.raises(errors.Ambiguous, match="503"):
        hub.health("nova-fertility")
    control(unwell=["*"])
    with pytest.raises(errors.Ambiguous):
        hub.health()


def test_metrics_are_of_the_tenant_that_asks(hub: Hub) -> None:
    names = {sample.name for sample in hub.metrics("chat365")}
    assert {"hub_tenant_request_total", "hub_agent_error_total", "hub_orchestrator_health"} <= names
    assert {sample.labels["tenant_id"] for sample in hub.metrics("chat365")} == {"chat365"}


def test_prometheus_answers_the_questions_of_gates(prometheus: Prometheus, control: Callable[..., Json]) -> None:
    control(errors={"chat365": 0.25})

    def value(expression: str) -> float | None:
        (sample,) = prometheus.query(expression)
        return sample.value

    assert value('rate(hub_agent_error_total{tenant_id="chat365"}[5m])') == 0.25
    assert value('increase(hub_agent_error_total{tenant_id="chat365"}[2m])') == 30.0
    assert value("sum(rate(hub_agent_error_total[5m]))") == 0.25
    assert (value("sum(rate(hub_agent_error_total[5m])) / sum(rate(hub_tenant_request_total[5m]))") or 0) > 0
    assert value('min(hub_orchestrator_health{tenant_id=~"chat.*|nova.*"})') == 1.0
    assert value("1 + 2 * 3") == 7.0
    quantile = value(
        'histogram_quantile(0.95, sum by (le) (rate(hub_agent_latency_seconds_bucket{tenant_id="chat365"}[5m])))'
    )
    assert 0 < (quantile or 0) < 5
    failing = prometheus.query("sum by (tenant_id) (rate(hub_agent_error_total[5m])) > 0.1")
    assert [sample.labels for sample in failing] == [{"tenant_id": "chat365"}]
    assert prometheus.query("rate(no_such_metric[5m])") == ()
    assert prometheus.version() == "3.5.0"


@pytest.mark.parametrize(
    "expression", ["", "sum(", "rate(up)", "a b", 'up{job="x"', "nonsense(up)", "up{job~1}", "1 ^ 2"]
)
def test_a_query_that_nobody_understands_is_refused_with_words(prometheus: Prometheus, expression: str) -> None:
    with pytest.raises(errors.Invalid, match="parse error"):
        prometheus.query(expression)


def test_faults_reach_the_hub_too(hub: Hub, anonymous: Argo) -> None:
    rule = {"effect": "error", "status": 502, "path": "/hubs/*", "next": 1}
    anonymous.send("PUT", "/sandbox/faults", {"rules": [rule]})
    with pytest.raises(errors.Ambiguous):
        hub.health()
    hub.health()


def test_without_redis_it_is_unwell_and_takes_no_event(
    hub: Hub, anonymous: Argo, valkey: Broker, control: Callable[..., Json]
) -> None:
    valkey.kill()
    try:
        until(lambda: anonymous.get("/hubs/staging/api/health").status_code == 503, "the hub misses its Redis")
        assert post(anonymous, EVENT).status_code == 503
    finally:
        valkey.start()
    until(lambda: anonymous.get("/hubs/staging/api/health").status_code == 200, "the hub has its Redis again")
    assert post(anonymous, EVENT).status_code == 202


def test_a_hub_that_is_not_played_is_not_there(anonymous: Argo) -> None:
    assert anonymous.get("/hubs/production/api/health").status_code == 404
    assert anonymous.send("PUT", "/sandbox/hubs/staging", {"tenants": "chat365"}).status_code == 400
    assert anonymous.send("PUT", "/sandbox/hubs/staging", {"colour": []}).status_code == 400


def test_what_it_knows_survives_a_restart(
    running: Running, hub: Hub, control: Callable[..., Json], tmp_path: Path, valkey: Broker
) -> None:
    post(Argo(running.url), EVENT)
    running.stop()
    settings = Settings(tmp_path / "hub-state", tmp_path / "git", 25.0, tmp_path / "password", {"staging": valkey.url})
    again = create_app(settings).state.world.tenant_hubs.by_name["staging"]
    assert again.tenants() == frozenset(TENANTS)
    assert [event["id"] for event in again.events()] == [EVENT["id"]]


def test_faults_are_of_chosen_tenants(hub: Hub, anonymous: Argo, control: Callable[..., Json]) -> None:
    control(unwell=["chat365"], slow={"nova-fertility": 0.3}, refusing=["nova-fertility"])
    assert hub.ask_health("chat365", trace="a" * 32).status == 503
    answer = hub.ask_health("nova-fertility", trace="a" * 32)
    assert (answer.status, answer.seconds >= 0.3) == (200, True)
    assert post(anonymous, {**EVENT, "tenantId": "nova-fertility"}, "nova-fertility").status_code == 400
    control(unwell=[], slow={}, refusing=[])
    assert hub.ask_health("chat365", trace="a" * 32).is_success


def test_prometheus_remembers_what_the_errors_were_before(
    hub: Hub, prometheus: Prometheus, control: Callable[..., Json]
) -> None:
    before = datetime.now(UTC)
    control(errors={"chat365": 0.5})
    asked = "rate(hub_agent_error_total[1m])"

    def of(at: datetime | None) -> float | None:
        return {one.labels["tenant_id"]: one.value for one in prometheus.query(asked, at=at)}["chat365"]

    assert (of(before), of(None)) == (0.0, 0.5)


def test_it_answers_what_the_platform_verifies(hub: Hub, prometheus: Prometheus) -> None:
    catalog = parse((Path(__file__).parents[2] / "platform.yaml").read_text("utf-8"), filename="platform.yaml")
    checks = [
        one for spec in catalog.environments for one in spec.verification.checks if one.type == "prometheus_query"
    ]
    assert {check.name for check in checks} == {"errors", "latency"}
    for check in checks:
        values = prometheus.query(str(check.parameters["query"]))
        assert {one.labels["tenant_id"] for one in values if one.value is not None} == set(TENANTS)
