"""A test event: sent at most once whatever happens, audited, read back where that can be seen."""

from __future__ import annotations

import httpx
import pytest

from controlpanel.catalog import hub_connections
from controlpanel.core.errors import AbsentError, ConflictError, RefusedError
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role
from tenants.choices import Sending
from tenants.models import HubEvent
from tenants.services.hub_events import hub_event_newest, hub_event_post, hub_event_send
from tenants.services.tenants import tenant_offboard
from tests import fixtures_tenants as make
from tests.chaos.broker import Broker
from tests.tenants.conftest import World
from tests.tenants.hubs import Outside


@pytest.fixture
def outside(valkey: Broker, monkeypatch: pytest.MonkeyPatch) -> Outside:
    valkey.flush()
    made = Outside(valkey)
    made.install(monkeypatch)
    return made


def send(world: World, slug: str = "nova") -> HubEvent:
    nova = make.tenant(slug, by=world.olga)
    return hub_event_send(actor=world.olga, tenant=nova, environment=world.staging)


def ended(row: HubEvent) -> HubEvent:
    hub_event_post(row.pk)
    row.refresh_from_db()
    return row


def test_it_is_taken_and_read_back(world: World, outside: Outside) -> None:
    row = ended(send(world))
    assert (row.state, row.message) == (
        Sending.TAKEN,
        "The hub took it (accepted); it was read back from the tenant's stream.",
    )
    (event,) = outside.posted
    assert (event["id"], event["tenantId"], event["type"]) == (str(row.pk), "nova", "panel.test")
    actions = list(
        AuditEvent.objects.filter(target="nova", action__contains="test_event").values_list("action", "actor")
    )
    assert actions == [("tenant.test_event_ended", "panel"), ("tenant.test_event", "olga")]
    assert hub_event_newest(row.tenant, world.staging) == row


def test_two_clicks_send_one(world: World, outside: Outside) -> None:
    row = send(world)
    assert hub_event_send(actor=world.olga, tenant=row.tenant, environment=world.staging) == row
    ended(row)
    assert not hub_event_post(row.pk)
    assert len(outside.posted) == 1


def test_after_one_has_ended_another_may_be_sent(world: World, outside: Outside) -> None:
    row = ended(send(world))
    ended(hub_event_send(actor=world.olga, tenant=row.tenant, environment=world.staging))
    assert len(set(outside.ids())) == 2


@pytest.mark.parametrize(
    ("answer", "writes", "state", "words"),
    [
        (422, False, Sending.REFUSED, "refused"),
        (httpx.ConnectError("refused"), False, Sending.REFUSED, "cannot be reached"),
        (httpx.ReadTimeout("slow"), True, Sending.TAKEN, "read back"),
        (httpx.ReadTimeout("slow"), False, Sending.UNSURE, "may have been taken"),
        (500, True, Sending.TAKEN, "read back"),
        (503, False, Sending.UNSURE, "may have been taken"),
    ],
)
def test_every_answer_has_an_end(
    world: World, outside: Outside, answer: int | Exception, writes: bool, state: Sending, words: str
) -> None:
    outside.answers["nova"], outside.writes = answer, writes
    row = ended(send(world))
    assert (row.state, words in row.message) == (state, True)
    assert len(outside.posted) <= 1


@pytest.mark.parametrize(("arrived", "state"), [(True, Sending.TAKEN), (False, Sending.UNSURE)])
def test_whoever_finds_one_that_was_sent_looks_for_it_and_sends_none(
    world: World, outside: Outside, arrived: bool, state: Sending
) -> None:
    row = send(world)
    HubEvent.objects.filter(pk=row.pk).update(sent_at=StatementTime())
    if arrived:
        outside.broker_client().xadd("nova:hub:events", {"id": str(row.pk), "type": "panel.test"})
    assert ended(row).state == state
    assert outside.posted == []


def test_an_owner_sends_to_the_own_tenant_only(world: World, outside: Outside) -> None:
    nova, aegean = make.tenant("nova", by=world.olga), make.tenant("aegean", by=world.olga)
    owner = make.as_role(Role.TENANT_OWNER, tenant="nova")
    hub_event_send(actor=owner, tenant=nova, environment=world.staging)
    for actor, error in ((owner, AbsentError), (make.as_role(Role.VIEWER), RefusedError)):
        with pytest.raises(error):
            hub_event_send(actor=actor, tenant=aegean, environment=world.staging)


def test_a_tenant_that_left_gets_none(world: World, outside: Outside) -> None:
    gone = tenant_offboard(actor=world.olga, tenant=make.tenant("nova", by=world.olga), reason="Contract ended.")
    with pytest.raises(ConflictError, match="does not serve"):
        hub_event_send(actor=world.olga, tenant=gone, environment=world.staging)


def test_without_a_hub_the_remedy_is_told(world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_connections, "is_named", lambda _: False)
    with pytest.raises(ConflictError, match="names no hub for staging"):
        send(world)
