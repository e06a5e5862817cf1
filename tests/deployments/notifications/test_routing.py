"""Who is told of what: the catalog's routes, by the names of events, once to each receiver."""

from __future__ import annotations

import pytest

from controlpanel.catalog import loading
from controlpanel.catalog.models import CatalogVersion, Environment
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent, AuditRouted, OutboxMessage
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.choices import Kind, State
from deployments.models import Promotion
from deployments.notifications import events, routing
from tests import fixtures_deployments as rows
from tests.deployments.notifications.conftest import NOTIFICATIONS, TEXT, catalog, messages

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("routed")]


def act(action: str, environment: str = "", target: str = "x", message: str = "It happened.") -> AuditEvent:
    return audit.record(actor=audit.SYSTEM, action=action, environment=environment, target=target, message=message)


def told(event: AuditEvent) -> list[tuple[str, str]]:
    return sorted(OutboxMessage.objects.filter(event=event).values_list("kind", "destination"))


def promotion(environment: str = "staging") -> Promotion:
    places = {one.name: one for one in rows.platform()}
    elif_ = rows.person("elif", Role.OPERATOR)
    elif_.email = ""
    elif_.save()
    return rows.promotion(rows.release("2026.11.3"), places[environment], by=elif_)


def test_an_event_goes_to_every_receiver_of_every_route_that_takes_it_and_once_to_each() -> None:
    everywhere, nowhere = act("audit.broken", "production"), act("release.create")
    of_production, of_staging = act("promotion.claimed", "production"), act("promotion.claimed", "staging")
    twice = act("promotion.failed", "production")
    assert routing.route() == 4 + 1 + 4
    all_four = [
        ("mail", "night@example.com"),
        ("mail", "operations@example.com"),
        ("slack", "chat"),
        ("webhook", "incidents"),
    ]
    assert told(everywhere) == told(twice) == all_four
    assert told(of_production) == [("webhook", "incidents")]
    assert told(nowhere) == told(of_staging) == []


def test_what_was_looked_at_is_not_looked_at_again_whoever_asks() -> None:
    event = act("promotion.failed")
    assert (routing.route(), routing.route()) == (4, 0)
    AuditRouted.objects.update(sequence=0)  # as if the row had been lost: messages stay one for each destination
    routing.route()
    assert len(told(event)) == 4


def test_more_than_a_portion_comes_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "PORTION", 3)
    for _ in range(7):
        act("token.expiring")
    assert [routing.route() for _ in range(4)] == [6, 6, 2, 0]


def test_a_promotion_that_starts_and_a_rollback_that_succeeds_go_by_what_people_call_them() -> None:
    row = promotion()
    lifecycle.move(row, State.RENDERING, actor=audit.SYSTEM, message="Started.")
    routing.route()
    (message,) = messages(destination="chat")
    assert (message.payload["event"], message.payload["subject"]) == (
        "promotion.started",
        "2026.11.3 to staging: started",
    )
    assert message.payload["path"] == f"/promotions/{row.pk}"
    event = AuditEvent(action="promotion.succeeded")
    assert events.name_of(event, Promotion(kind=Kind.ROLLBACK)) == "promotion.rolled_back"
    assert events.name_of(event, Promotion(kind=Kind.RELEASE)) == "promotion.succeeded"


def test_an_approval_is_asked_for_only_where_one_is_awaited() -> None:
    catalog("""
notifications:
  receivers: {chat: {slack: {urlFrom: {env: CHAT_URL}}}}
  routes: [{events: [promotion.awaiting_approval], receivers: [chat]}]
""")
    row = promotion()
    assert row.state == State.QUEUED
    assert routing.route() == 0
    lifecycle.move(row, State.AWAITING_APPROVAL, actor=audit.SYSTEM, message="Waits for 2 approvals.")
    assert routing.route() == 1
    assert messages()[0].payload["subject"] == "2026.11.3 to staging: waits for approval"


def test_every_message_leads_into_the_panel() -> None:
    act("tenant.review_request", "staging", target="nova-fertility")
    act("token.expiring", target="ci-main")
    routing.route()
    found = {message.payload["event"]: message.payload for message in messages()}
    assert found["tenant.review_request"]["path"] == "/tenants/nova-fertility?environment=staging"
    assert found["tenant.review_request"]["subject"] == "Sign-off asked for in staging: nova-fertility"
    assert found["token.expiring"]["path"].startswith("/audit/")


def test_without_a_catalog_or_routes_nothing_is_queued() -> None:
    CatalogVersion.objects.all().delete()
    act("promotion.failed")
    assert routing.route() == 0
    catalog("")
    act("promotion.failed")
    assert routing.route() == 0


@pytest.mark.parametrize(
    ("wrong", "right", "cause", "remedy"),
    [
        ("promotion.pausd", "promotion.paused", "A route waits for “promotion.pausd”, which never happens.", "Did you mean “promotion.paused”?"),
        ("incident,", "incidents,", "A route goes to “incident”, which is none of the receivers", "Did you mean “incidents”?"),
        ("[prodction]", "[production]", "A route goes to “prodction”, which is none of the environments", "Did you mean “production”?"),
        ("{env: https}", "{env: CHAT_URL}", "is “https”, which is not allowed", ""),
        ("Promotion Paused", "promotion.paused", "is “Promotion Paused”, which is not allowed", "docs/notifications.md"),
        ("operations.example.com", "operations@example.com", "which is not allowed", "Write a mail address"),
        ("{slack: {}}", "{slack: {urlFrom: {env: CHAT_URL}}}", "“urlFrom” is missing", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_nothing_of_it_comes_into_force(
    wrong: str, right: str, cause: str, remedy: str
) -> None:
    text = TEXT + NOTIFICATIONS.replace(right, wrong, 1)
    version = loading.load_platform(actor=audit.SYSTEM, text=text, commit="b" * 40)
    assert version.problems, "It came into force."
    said = [problem for problem in version.problems if cause in problem["cause"]]
    assert said, version.problems
    assert remedy in said[0]["remedy"]
    assert said[0]["line"] > len(TEXT.splitlines())


def test_a_catalog_with_receivers_comes_into_force() -> None:
    version = loading.load_platform(actor=audit.SYSTEM, text=TEXT + NOTIFICATIONS, commit="b" * 40)
    assert version.problems == []
    assert Environment.objects.count() == 2


def test_states_of_promotions_are_events_that_routes_may_name() -> None:
    assert {f"promotion.{state.value}" for state in State} <= events.EVENTS.keys()
