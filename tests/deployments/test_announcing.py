"""After a success the hub is told once for each active tenant, whatever fails on the way and whoever dies."""

from __future__ import annotations

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlpanel.catalog import hub_connections
from controlpanel.catalog.models import Environment
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import AuditEvent, OutboxMessage
from controlpanel.core.permissions import Role
from deployments import announcing
from deployments.delivery import deliver
from deployments.models import Promotion
from deployments.notifications import hub as channel
from tenants.choices import TenantState
from tenants.models import Tenant
from tests import fixtures_deployments as rows
from tests.chaos.broker import Broker
from tests.tenants.hubs import Outside

pytestmark = pytest.mark.django_db


@pytest.fixture
def outside(valkey: Broker, monkeypatch: pytest.MonkeyPatch) -> Outside:
    valkey.flush()
    made = Outside(valkey)
    made.install(monkeypatch)
    return made


@pytest.fixture
def staging() -> Environment:
    return rows.platform()[0]


def tenants(count: int, state: TenantState = TenantState.ACTIVE, prefix: str = "clinic") -> list[str]:
    made = Tenant.objects.bulk_create(Tenant(slug=f"{prefix}-{number:04d}", state=state) for number in range(count))
    return [one.slug for one in made]


def success(staging: Environment) -> Promotion:
    """A release that has just succeeded; its requester gets no mail here."""
    by = rows.person("elif", Role.OPERATOR)
    by.email = ""
    by.save()
    return rows.succeeded(rows.promotion(rows.release("2026.11.3"), staging, by=by))


def messages() -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(kind=announcing.DEPLOYED).order_by("pk"))


def deliver_all() -> None:
    """Deliver until nothing is left that time will not bring."""
    for message in messages():
        OutboxMessage.objects.filter(pk=message.pk, delivered_at=None).update(next_run_at=StatementTime())
        deliver(message.pk)


def test_every_active_tenant_is_told_once_and_nobody_else(staging: Environment, outside: Outside) -> None:
    active = tenants(50)
    for state in (TenantState.ONBOARDING, TenantState.SUSPENDED, TenantState.OFFBOARDED):
        tenants(2, state, prefix=state.value)
    row = success(staging)
    deliver_all()
    deliver_all()
    assert sorted(event["tenantId"] for event in outside.posted) == active
    assert len(set(outside.ids())) == 50
    assert {(event["type"], event["source"], event["payload"]["buildId"]) for event in outside.posted} == {
        ("infra.deploy", "argo", "2026.11.3")
    }
    (message,) = messages()
    assert message.delivered_at is not None
    told = AuditEvent.objects.filter(promotion=row.pk, action="promotion.announced")
    assert [event.message for event in told] == ["The hub was told of 2026.11.3 for 50 tenants."]


def test_thousands_are_told_in_a_few_messages(staging: Environment, outside: Outside) -> None:
    tenants(1200)
    with CaptureQueriesContext(connection) as seen:
        success(staging)
    assert [len(message.payload["slugs"]) for message in messages()] == [500, 500, 200]
    assert sum("tenants_tenant" in query["sql"] for query in seen) == 1


def test_a_second_try_has_those_that_are_left_alone(staging: Environment, outside: Outside) -> None:
    tenants(40)
    outside.answers["clinic-0020"] = httpx.ConnectError("refused")
    success(staging)
    deliver_all()
    (message,) = messages()
    assert message.delivered_at is None
    assert "clinic-0020" in message.payload["slugs"]
    assert "cannot be reached" in message.last_error
    before = len(outside.posted)
    del outside.answers["clinic-0020"]
    deliver_all()
    assert sorted({event["tenantId"] for event in outside.posted}) == sorted(
        f"clinic-{number:04d}" for number in range(40)
    )
    assert len(outside.posted) == before + len(message.payload["slugs"])
    assert messages()[0].delivered_at is not None


def test_what_was_taken_although_the_answer_was_lost_is_not_sent_again(staging: Environment, outside: Outside) -> None:
    tenants(3)
    outside.answers["clinic-0001"] = httpx.ReadTimeout("slow")
    success(staging)
    deliver_all()
    deliver_all()
    assert sorted(event["tenantId"] for event in outside.posted) == ["clinic-0000", "clinic-0001", "clinic-0002"]
    assert messages()[0].payload["told"] == 3


def test_whoever_takes_over_from_a_dead_process_finds_what_it_sent(staging: Environment, outside: Outside) -> None:
    tenants(5)
    row = success(staging)
    (message,) = messages()
    for slug in ("clinic-0000", "clinic-0003"):
        event = {"id": channel.event_id(str(row.pk), slug), "type": "infra.deploy"}
        outside.broker_client().xadd(f"{slug}:hub:events", event)
    OutboxMessage.objects.filter(pk=message.pk).update(attempts=1)  # its claim died with it
    deliver_all()
    assert sorted(event["tenantId"] for event in outside.posted) == ["clinic-0001", "clinic-0002", "clinic-0004"]
    assert messages()[0].payload["told"] == 5


def test_a_tenant_that_the_hub_refuses_is_named_and_keeps_nobody_else(staging: Environment, outside: Outside) -> None:
    tenants(3)
    outside.answers["clinic-0001"] = 404
    row = success(staging)
    deliver_all()
    (message,) = messages()
    assert message.delivered_at is not None
    told = AuditEvent.objects.get(promotion=row.pk, action="promotion.announced")
    assert told.message.startswith("The hub was told of 2026.11.3 for 2 tenants. It refused clinic-0001: ")


def test_the_time_of_one_try_is_bounded_and_the_rest_comes_right_afterwards(
    staging: Environment, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants(40)
    success(staging)
    monkeypatch.setattr(channel, "SECONDS", -1.0)
    deliver_all()
    assert outside.posted == []
    (message,) = messages()
    assert message.next_run_at is not None
    assert message.last_error == "40 tenants are still to be told."


def test_without_a_hub_nothing_is_queued(
    staging: Environment, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_connections, "has_hub", lambda _: False)
    tenants(3)
    success(staging)
    assert messages() == []


def test_the_id_follows_from_promotion_and_tenant(staging: Environment) -> None:
    one, other = "0198c0de-0000-7000-8000-000000000001", "0198c0de-0000-7000-8000-000000000002"
    assert channel.event_id(one, "nova") == channel.event_id(one, "nova")
    assert len({channel.event_id(promotion, slug) for promotion in (one, other) for slug in ("nova", "aegean")}) == 4
