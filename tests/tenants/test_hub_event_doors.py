"""The button and the API that send a test event, and what they show of it."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from controlpanel.accounts.tokens import token_create
from controlpanel.catalog import hub_connections
from controlpanel.core import audit
from controlpanel.core.permissions import Role, Scope
from tenants.models import HubEvent
from tenants.services.hub_events import hub_event_post
from tests import fixtures_tenants as make
from tests.chaos.broker import Broker
from tests.tenants.conftest import World
from tests.tenants.hubs import Outside


@pytest.fixture
def outside(valkey: Broker, monkeypatch: pytest.MonkeyPatch) -> Outside:
    made = Outside(valkey)
    made.install(monkeypatch)
    return made


@pytest.fixture
def owner(world: World, client: Client) -> Client:
    """At nova's page."""
    make.tenant("nova", by=world.olga)
    person = make.person("selin", Role.TENANT_OWNER, tenant="nova")
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_an_owner_sends_one_by_a_button_and_reads_what_became_of_it(owner: Client, outside: Outside) -> None:
    address = "/tenants/nova?environment=staging"
    assert b"Send test event" in owner.get(address).content
    answer = owner.post("/tenants/nova/test-event", {"environment": "staging"}, follow=True)
    assert b"is on its way" in answer.content
    hub_event_post(HubEvent.objects.get().pk)
    assert b"The hub took it (accepted); it was read back" in owner.get(address).content
    assert len(outside.posted) == 1


def test_without_a_hub_there_is_no_button(owner: Client, outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_connections, "is_named", lambda _: False)
    assert b"Send test event" not in owner.get("/tenants/nova?environment=staging").content


def test_a_program_sends_one_and_asks_for_its_end(owner: Client, outside: Outside) -> None:
    _, secret = token_create(actor=audit.SYSTEM, name="ci", scopes=[Scope.TENANTS], tenants=["nova"])
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "once"}
    address = "/api/v1/tenants/nova/test-event?environment=staging"
    assert Client().get(address, headers=headers).status_code == 404
    asked = [Client().post(address, headers=headers, content_type="application/json") for _ in range(2)]
    assert [answer.status_code for answer in asked] == [202, 202]
    assert asked[0].json() == asked[1].json()
    hub_event_post(asked[0].json()["id"])
    ended = json.loads(Client().get(address, headers=headers).content)
    assert (ended["state"], ended["id"]) == ("taken", asked[0].json()["id"])
    foreign = "/api/v1/tenants/aegean/test-event?environment=staging"
    assert (
        Client().post(foreign, headers={**headers, "Idempotency-Key": "2"}, content_type="application/json").status_code
        == 404
    )
