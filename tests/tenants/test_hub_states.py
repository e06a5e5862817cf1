"""What is kept of what the hub, Redis and Prometheus say of tenants: facts, never a value, and what did not answer is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.catalog import hub_connections
from controlpanel.catalog.connections import NotConfigured
from controlpanel.clients.errors import Ambiguous
from controlpanel.core.lease import StatementTime
from controlpanel.core.permissions import Role
from tenants.choices import RoundKind, TenantState
from tenants.models import ChecklistItem, HubState, Round, Tenant
from tenants.services import hub_states
from tenants.services.readiness import readiness_refresh
from tenants.services.rounds import round_look, rounds_tidy, rounds_wake
from tests import fixtures_tenants as make
from tests.chaos.broker import Broker
from tests.tenants.conftest import World
from tests.tenants.hubs import Outside

TOKEN = "ak_" + "0f" * 16 + "_" + "ab" * 4
BODY = "Ayşe Yılmaz asks for an appointment"


@pytest.fixture
def outside(valkey: Broker, monkeypatch: pytest.MonkeyPatch) -> Outside:
    valkey.flush()
    made = Outside(valkey)
    made.install(monkeypatch)
    return made


def fill(outside: Outside, slug: str) -> None:
    store = outside.broker_client()
    store.set(f"{slug}:hub:registry:agents", json.dumps([1, 2, 3]))
    store.set(f"{slug}:onlychannel:token", TOKEN, ex=3300)
    event = {"id": "1", "type": "message.inbound", "source": "onlychannel", "note": "agent intake", "payload": BODY}
    store.xadd(f"{slug}:hub:events", event)


def state(slug: str, world: World) -> HubState:
    return HubState.objects.get(tenant__slug=slug, environment=world.staging)


def test_a_tenants_keys_are_counted_and_never_read(world: World, outside: Outside) -> None:
    nova = make.tenant("nova", by=world.olga)
    fill(outside, "nova")
    outside.values = {"nova": 0.25, "somebody-else": 9.0}
    assert hub_states.read(world.staging, [nova]) == ""
    found = state("nova", world)
    assert (found.agents, found.token_present, found.stream_length, found.error) == (3, True, 1, "")
    assert 3200 < (found.token_ttl_seconds or 0) <= 3300
    assert [(one["type"], one["source"], one["note"]) for one in found.tail] == [
        ("message.inbound", "onlychannel", "agent intake")
    ]
    assert found.metrics == dict.fromkeys(hub_states.METRICS, 0.25)
    assert found.last_event_at is not None
    row = str(HubState.objects.filter(pk=found.pk).values().get())
    assert TOKEN not in row
    assert BODY not in row


def test_a_tenant_that_the_hub_does_not_know_has_nothing(world: World, outside: Outside) -> None:
    hub_states.read(world.staging, [make.tenant("nova", by=world.olga)])
    found = state("nova", world)
    assert (found.agents, found.token_present, found.stream_length, found.tail, found.metrics) == (
        None,
        False,
        None,
        [],
        {},
    )
    assert found.read_at is not None


def test_when_redis_goes_away_what_was_known_stays_and_the_reason_is_told(
    world: World, outside: Outside, valkey: Broker
) -> None:
    nova = make.tenant("nova", by=world.olga)
    fill(outside, "nova")
    hub_states.read(world.staging, [nova])
    valkey.kill()
    try:
        assert "Redis cannot be reached" in hub_states.read(world.staging, [nova])
    finally:
        valkey.start()
    found = state("nova", world)
    assert (found.agents, found.token_present) == (3, True)
    assert "Redis cannot be reached" in found.error
    hub_states.read(world.staging, [nova])
    assert state("nova", world).error == ""


def test_without_prometheus_the_rest_is_read(world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotConfigured("STAGING_PROMETHEUS_URL is not set.")

    monkeypatch.setattr(hub_connections, "prometheus_for", refuse)
    fill(outside, "nova")
    assert hub_states.read(world.staging, [make.tenant("nova", by=world.olga)]) == ""
    assert (state("nova", world).agents, state("nova", world).metrics) == (3, {})


def test_hundreds_of_tenants_cost_as_many_queries_as_two(world: World, outside: Outside) -> None:
    tenants = Tenant.objects.bulk_create(
        Tenant(slug=f"clinic-{number:03d}", state=TenantState.ACTIVE) for number in range(300)
    )

    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as seen:
            hub_states.read(world.staging, tenants[:count])
        return len(seen) - sum("pg_notify" in one["sql"] for one in seen)

    assert queries(300) == queries(2)
    assert len(max(outside.asked, key=len)) > 1500, "a long question goes in a form"


def test_batches_follow_each_other_until_all_had_their_turn(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_states, "BATCH", 2)
    for number in range(5):
        make.tenant(f"clinic-{number}", by=world.olga)
    rounds_tidy()
    row = Round.objects.get(kind=RoundKind.HUB, environment=world.staging)
    seen = []
    for _ in range(3):
        Round.objects.filter(pk=row.pk).update(next_run_at=StatementTime())
        assert round_look(row.pk)
        seen.append(HubState.objects.filter(environment=world.staging).count())
    row.refresh_from_db()
    assert (seen, row.cursor, row.error) == ([2, 4, 5], "", "")
    assert row.looked_at is not None
    assert row.next_run_at is not None


def test_who_is_asked_for_comes_first_and_does_not_move_the_queue(world: World, outside: Outside) -> None:
    for slug in ("aegean", "nova"):
        make.tenant(slug, by=world.olga)
    rounds_tidy()
    rounds_wake(world.staging, RoundKind.HUB, ["nova"])
    row = Round.objects.get(kind=RoundKind.HUB, environment=world.staging)
    round_look(row.pk)
    assert set(HubState.objects.values_list("tenant__slug", flat=True)) == {"nova"}
    row.refresh_from_db()
    assert row.asked == []


def test_a_failed_round_is_tried_again_and_says_why(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.tenant("nova", by=world.olga)
    rounds_tidy()

    def fail(*_: object) -> None:
        raise Ambiguous("Prometheus did not answer in time.")

    monkeypatch.setattr(hub_connections, "prometheus_for", fail)
    row = Round.objects.get(kind=RoundKind.HUB, environment=world.staging)
    round_look(row.pk)
    row.refresh_from_db()
    assert row.error == "Prometheus did not answer in time."
    assert row.looked_at is None
    assert row.next_run_at is not None


def test_rounds_are_there_only_where_somebody_can_be_asked(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds_tidy()
    assert Round.objects.filter(kind=RoundKind.HUB).count() == 2
    monkeypatch.setattr(hub_connections, "is_watched", lambda environment: environment.name == "staging")
    rounds_tidy()
    assert [row.environment.name for row in Round.objects.filter(kind=RoundKind.HUB)] == ["staging"]


CHECKLIST = """
checklist:
  hub-answers: {type: endpoint_answers, parameters: {path: /api/health}}
  token-is-fresh: {type: redis_key_present, parameters: {key: "{tenant}:onlychannel:token"}}
"""


@pytest.fixture
def asking(db: None, outside: Outside) -> World:
    """A world whose catalog asks the hub and Redis."""
    text = (Path(__file__).parents[2] / "platform.yaml").read_text("utf-8") + CHECKLIST
    staging, production = make.catalog(text)
    people = (make.actor(make.person(name, role)) for name, role in (("ada", Role.ADMINISTRATOR), ("olga", Role.OPERATOR), ("rita", Role.RELEASE_MANAGER)))  # fmt: skip
    return World(staging, production, *people)


def test_items_of_the_checklist_that_ask_outside_are_answered(asking: World, outside: Outside) -> None:
    tenants = [make.tenant(slug, by=asking.olga) for slug in ("aegean", "nova")]
    readiness_refresh(asking.staging)
    fill(outside, "nova")
    outside.unwell = {"nova"}
    hub_states.read(asking.staging, tenants)
    found = {
        (item.tenant.slug, item.type): item.state
        for item in ChecklistItem.objects.filter(
            environment=asking.staging, type__in=("endpoint_answers", "redis_key_present")
        )
    }
    assert found == {
        ("aegean", "endpoint_answers"): "met", ("aegean", "redis_key_present"): "failing",
        ("nova", "endpoint_answers"): "failing", ("nova", "redis_key_present"): "met",
    }  # fmt: skip


def test_silence_is_no_answer(asking: World, outside: Outside, valkey: Broker) -> None:
    nova = make.tenant("nova", by=asking.olga)
    valkey.kill()
    try:
        hub_states.read(asking.staging, [nova])
    finally:
        valkey.start()
    item = ChecklistItem.objects.get(environment=asking.staging, type="redis_key_present", tenant=nova)
    assert item.state == "open"
    assert "cannot be reached" in item.evidence
