"""Mail, webhook and chat as real receivers get them: signed, with one id for each event, as text, and without a secret anywhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from typing import Any

import pytest

from controlpanel.core import audit
from controlpanel.core.models import OutboxMessage
from deployments import delivery
from deployments.notifications import routing, slack
from tests.deployments.notifications.conftest import catalog, deliver_all, messages
from tests.deployments.notifications.receiving import Inbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("routed")]
HOSTILE = "<!channel> <https://evil.example|click> & co\nBcc: evil@example.com"


def happen(
    action: str = "promotion.failed", message: str = "The backend is not healthy.", target: str = "promotion 7"
) -> None:
    audit.record(actor=audit.SYSTEM, action=action, environment="production", target=target, message=message)
    routing.route()


def test_a_webhook_is_signed_over_id_time_and_body(web: Inbox, secret: str) -> None:
    happen()
    OutboxMessage.objects.exclude(kind="webhook").delete()
    deliver_all()
    (posted,) = web.posted
    (message,) = messages(kind="webhook")
    signed = f"{posted.headers['webhook-id']}.{posted.headers['webhook-timestamp']}.".encode() + posted.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert posted.headers["webhook-signature"] == f"v1,{signature}"
    assert (posted.path, posted.headers["webhook-id"]) == ("/hooks/one?key=4711", str(message.pk))
    told = json.loads(posted.body)
    assert told["type"] == "promotion.failed"
    assert told["timestamp"] == message.payload["at"]
    assert told["data"]["text"] == "The backend is not healthy."
    assert told["data"]["url"] == f"http://localhost:8000/audit/{message.event_id}"
    assert message.delivered_at is not None


def test_two_secrets_sign_side_by_side(web: Inbox, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCIDENT_SECRET", f"{secret} {secret}")
    happen()
    deliver_all()
    signatures = (
        next(one for one in web.posted if "webhook-signature" in one.headers).headers["webhook-signature"].split()
    )
    assert len(signatures) == 2


def test_mail_has_the_messages_id_a_subject_of_one_line_and_a_link(post: Inbox, web: Inbox) -> None:
    happen(target=HOSTILE)
    deliver_all()
    assert sorted(str(mail["To"]) for mail in post.mails) == ["night@example.com", "operations@example.com"]
    mail = post.mails[0]
    assert {str(one["Message-ID"]) for one in post.mails} == {
        f"<{one.pk}@control-panel>" for one in messages(kind="mail")
    }
    assert mail["Bcc"] is None
    assert str(mail["Subject"]).replace("\r\n ", " ").endswith("& co Bcc: evil@example.com")
    assert "http://localhost:8000/audit/" in str(mail.get_payload())


def test_chat_shows_hostile_names_as_text(web: Inbox) -> None:
    happen(target=HOSTILE, message=HOSTILE)
    deliver_all()
    (said,) = [json.loads(one.body)["text"] for one in web.posted if one.path == "/chat"]
    assert "<" not in said
    assert "&lt;!channel&gt;" in said
    assert said.splitlines()[-1].startswith("http://localhost:8000/audit/")
    assert slack.escaped("a & b") == "a &amp; b"


def test_a_receiver_that_is_down_gets_the_same_message_later_with_the_same_id_and_body(web: Inbox) -> None:
    catalog_without_chat()
    web.answers = [(503, {}), (500, {}), (429, {"Retry-After": "7"})]
    happen()
    for _ in range(4):
        deliver_all()
    assert len(web.posted) == 4
    assert len(set(web.ids)) == 1
    assert len({one.body for one in web.posted}) == 1
    assert messages(kind="webhook")[0].delivered_at is not None


def test_waiting_grows_and_is_what_the_receiver_asks_for(web: Inbox) -> None:
    catalog_without_chat()
    web.answers = [(503, {}), (429, {"Retry-After": "7"})]
    happen()
    waits = []
    for _ in range(2):
        deliver_all()
        (message,) = messages(kind="webhook")
        assert message.next_run_at is not None
        waits.append(message.next_run_at)
        assert message.last_error in ("It answered 503.", "It answered 429.")
    assert (waits[1] - waits[0]).total_seconds() > 4


@pytest.mark.parametrize("status", [410, 400, 413, 422])
def test_what_will_never_be_taken_is_given_up_at_once(web: Inbox, status: int) -> None:
    catalog_without_chat()
    web.answers = [(status, {})]
    happen()
    deliver_all()
    (message,) = messages(kind="webhook")
    assert message.dead_at is not None
    assert message.next_run_at is None


def test_a_redirect_is_followed_nowhere(web: Inbox) -> None:
    catalog_without_chat()
    web.answers = [(307, {"Location": f"{web.address}/elsewhere"})]
    happen()
    deliver_all()
    assert [one.path for one in web.posted] == ["/hooks/one?key=4711"]
    assert messages(kind="webhook")[0].last_error == "It answered 307. Redirects are not followed."


def test_neither_rows_nor_logs_hold_address_secret_or_answer(web: Inbox, secret: str, caplog: Any, capfd: Any) -> None:
    caplog.set_level(logging.DEBUG)
    web.answers = [(401, {}), (401, {})]
    happen()
    deliver_all()
    deliver_all()
    kept = json.dumps([[one.payload, one.last_error, one.destination] for one in messages()])
    logged = caplog.text + "".join(capfd.readouterr())
    for hidden in (secret, secret.removeprefix("whsec_"), "key=4711", "hooks/one", "said: no"):
        assert hidden not in kept
        assert hidden not in logged
    assert "message_not_delivered" in logged


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("INCIDENT_SECRET", "", "INCIDENT_SECRET is not set."),
        ("INCIDENT_SECRET", "hush hush", "The secret of the webhook is none of Standard Webhooks."),
        ("INCIDENT_SECRET", "whsec_" + "c2hvcnQ=", "The secret of the webhook is none of Standard Webhooks."),
        ("INCIDENT_URL", "", "INCIDENT_URL is not set."),
        ("INCIDENT_URL", "file:///etc/passwd", "The receiver's address is not usable."),
        ("INCIDENT_URL", "http://127.0.0.1:1/x", "The receiver cannot be reached"),
    ],
)
def test_a_receiver_that_nobody_set_up_is_tried_again_and_says_what_is_missing(
    web: Inbox, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    catalog_without_chat()
    monkeypatch.setenv(variable, value)
    happen()
    deliver_all()
    (message,) = messages(kind="webhook")
    assert message.last_error.startswith(sentence)
    assert (message.dead_at, web.posted) == (None, [])


def test_a_secret_may_lie_in_a_file(web: Inbox, secret: str, tmp_path: Any) -> None:
    (tmp_path / "secret").write_text(f"{secret}\n")
    catalog(f"""
notifications:
  receivers:
    incidents: {{webhook: {{urlFrom: {{env: INCIDENT_URL}}, secretFrom: {{file: {tmp_path / "secret"}}}}}}}
  routes: [{{events: [promotion.failed], receivers: [incidents]}}]
""")
    happen()
    deliver_all()
    assert len(web.posted) == 1


def test_a_receiver_that_left_the_catalog_says_so(web: Inbox) -> None:
    happen()
    catalog("")
    OutboxMessage.objects.filter(kind="mail").delete()
    deliver_all()
    assert {one.last_error.partition(" any")[0] for one in messages()} == {
        "The catalog has no receiver chat", "The catalog has no receiver incidents",
    }  # fmt: skip
    assert delivery.GIVE_UP_AFTER.total_seconds() == 24 * 3600


def catalog_without_chat() -> None:
    catalog("""
notifications:
  receivers:
    incidents: {webhook: {urlFrom: {env: INCIDENT_URL}, secretFrom: {env: INCIDENT_SECRET}}}
  routes: [{events: [promotion.failed], receivers: [incidents]}]
""")
