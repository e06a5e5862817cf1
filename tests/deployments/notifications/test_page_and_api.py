"""Administrators see who is told and what came of it, try a receiver, and have sent again what was given up; by page and API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlpanel.accounts.models import ApiToken
from controlpanel.accounts.tokens import token_create, tokens_expiring_tell
from controlpanel.core import audit
from controlpanel.core.models import AuditEvent, OutboxMessage
from controlpanel.core.permissions import Role
from deployments.notifications import routing
from tests import fixtures_deployments as rows
from tests.deployments.api.conftest import caller, problem
from tests.deployments.notifications.conftest import catalog, deliver_all, messages
from tests.deployments.notifications.receiving import Inbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("routed")]
PAGE = "/settings/notifications"


@pytest.fixture
def ada() -> Client:
    browser = Client()
    browser.force_login(rows.person("ada", Role.ADMINISTRATOR))
    return browser


def text(browser: Client, address: str = PAGE) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def given_up(web: Inbox) -> OutboxMessage:
    web.answers = [(410, {}), (410, {})]
    audit.record(actor=audit.SYSTEM, action="promotion.claimed", environment="production", target="promotion <b>7</b>")
    routing.route()
    deliver_all()
    (message,) = messages(dead_at__isnull=False)
    return message


def test_the_page_shows_receivers_masked_with_what_came_of_the_last_message(
    ada: Client, web: Inbox, secret: str
) -> None:
    given_up(web)
    page = text(ada)
    for words in (
        "incidents",
        "address from INCIDENT_URL",
        "secret from INCIDENT_SECRET",
        "o…@example.com",
        "Given up",
        "It answered 410.",
        "Nothing sent yet",
        "promotion.paused",
    ):
        assert words in page, words
    for hidden in ("operations@example.com", web.address, secret, "<b>7</b>"):
        assert hidden not in page


def test_a_test_goes_to_one_receiver_and_stands_in_the_audit(ada: Client, web: Inbox) -> None:
    assert ada.post(f"{PAGE}/receivers/incidents/test").status_code == 303
    deliver_all()
    (posted,) = web.posted
    assert json.loads(posted.body)["type"] == "notification.test"
    event = AuditEvent.objects.get(action="notification.test")
    assert (event.actor, event.door, event.target) == ("ada", "page", "incidents")
    assert "Delivered" in text(ada)


def test_a_receiver_of_several_addresses_gets_one_message_for_each(post: Inbox) -> None:
    token = caller("admin")
    answer = token.post("/receivers/operations/test")
    assert answer.status_code == 202
    assert sorted(one["destination"] for one in answer.json()["items"]) == ["n…@example.com", "o…@example.com"]
    deliver_all()
    assert len(post.mails) == 2


def test_what_was_given_up_is_sent_again_under_its_id(ada: Client, web: Inbox) -> None:
    message = given_up(web)
    OutboxMessage.objects.filter(pk=message.pk).update(
        created_at=timezone.now() - timedelta(days=3), tried_since=timezone.now() - timedelta(days=3)
    )
    assert ada.post(f"{PAGE}/messages/{message.pk}/replay").status_code == 303
    web.answers = [(503, {})]
    deliver_all()
    message.refresh_from_db()
    assert (message.dead_at, message.last_error) == (None, "It answered 503.")
    deliver_all()
    message.refresh_from_db()
    assert message.delivered_at is not None
    assert set(web.ids) == {str(message.pk)}
    replayed = AuditEvent.objects.get(action="notification.replay")
    assert (replayed.actor, replayed.details["state"]) == ("ada", {"from": "given up", "to": "waiting"})


def test_the_api_lists_what_was_given_up_and_sends_it_again_once(web: Inbox) -> None:
    message, token = given_up(web), caller("admin")
    (item,) = token.get("/notifications?state=dead").json()["items"]
    assert (item["id"], item["state"], item["last_error"]) == (str(message.pk), "dead", "It answered 410.")
    first = token.post(f"/notifications/{message.pk}/replay", key="one")
    assert (first.status_code, first.json()["state"]) == (202, "retrying")
    assert token.post(f"/notifications/{message.pk}/replay", key="one").json() == first.json()
    problem(token.post(f"/notifications/{message.pk}/replay"), 409)
    problem(token.post("/notifications/0192aaaa-0000-7000-8000-000000000000/replay"), 404)
    problem(token.post("/receivers/nobody/test"), 404)
    problem(token.get("/notifications?cursor=x"), 422)
    receivers = {one["name"]: one for one in token.get("/receivers").json()["items"]}
    assert receivers["chat"] == {
        "name": "chat",
        "kind": "slack",
        "places": ["address from CHAT_URL"],
        "routes": 2,
        "last": None,
    }


def test_lists_go_on_from_their_cursor(web: Inbox) -> None:
    token = caller("admin")
    for _ in range(5):
        token.post("/receivers/chat/test")
    first = token.get("/notifications?limit=3").json()
    second = token.get("/notifications", limit=3, cursor=first["next"]).json()
    assert len({one["id"] for one in first["items"] + second["items"]}) == 5
    assert second["next"] is None


def test_more_messages_cost_no_more_queries(ada: Client, web: Inbox) -> None:
    counts = []
    for number in (3, 20):
        for _ in range(number):
            audit.record(actor=audit.SYSTEM, action="promotion.failed", environment="production", target="promotion 7")
        routing.route()
        text(ada)
        with CaptureQueriesContext(connection) as seen:
            text(ada)
        counts.append(len(seen))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.RELEASE_MANAGER])
def test_whoever_does_not_administer_sees_nothing_of_it(role: Role) -> None:
    browser = Client()
    browser.force_login(rows.person("elif", role))
    assert browser.get(PAGE).status_code == 403
    assert "Notifications" not in text(browser, "/promotions")
    elsewhere = Client()
    elsewhere.force_login(rows.person("stan", Role.ADMINISTRATOR, environment="staging"))
    assert elsewhere.get(PAGE).status_code == 404
    assert elsewhere.post(f"{PAGE}/receivers/chat/test").status_code == 404


def test_without_receivers_the_page_says_how(ada: Client) -> None:
    catalog("")
    assert "Nobody is told yet." in text(ada)


def test_a_token_that_ends_soon_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    long, _ = token_create(actor=audit.SYSTEM, name="ci-main", scopes=["read"])
    token_create(actor=audit.SYSTEM, name="short", scopes=["read"], expires_in=timedelta(hours=2))
    assert tokens_expiring_tell() == 0
    ApiToken.objects.filter(pk=long.pk).update(expires_at=timezone.now() + timedelta(days=6))
    ApiToken.objects.filter(pk=long.pk).update(created_at=timezone.now() - timedelta(days=84))
    told: list[Any] = [tokens_expiring_tell(), tokens_expiring_tell()]
    assert told == [1, 0]
    routing.route()
    assert {one.payload["subject"] for one in messages()} == {"Token expires soon: ci-main"}
