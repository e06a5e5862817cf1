"""A catalog with receivers of every kind, and receivers that are really there."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlpanel.catalog.models import CatalogVersion
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import AuditEvent, AuditRouted, OutboxMessage
from deployments.delivery import deliver
from tests.deployments.notifications.receiving import Inbox, http_receiver, smtp_receiver

TEXT = (Path(__file__).parents[3] / "platform.yaml").read_text("utf-8").partition("\nnotifications:")[0]
NOTIFICATIONS = """
notifications:
  receivers:
    operations: {mail: {to: [operations@example.com, "night@example.com"]}}
    incidents: {webhook: {urlFrom: {env: INCIDENT_URL}, secretFrom: {env: INCIDENT_SECRET}}}
    chat: {slack: {urlFrom: {env: CHAT_URL}}}
  routes:
    - {events: [promotion.paused, promotion.failed, audit.broken], receivers: [operations, incidents, chat]}
    - {events: ["promotion.*"], environments: [production], receivers: [incidents]}
    - {events: [promotion.started, promotion.rolled_back], receivers: [chat]}
    - {events: ["tenant.*", token.expiring], receivers: [operations]}
"""


def catalog(notifications: str = NOTIFICATIONS) -> None:
    """Put it into force, without any of the checks that loading makes."""
    CatalogVersion.objects.filter(is_current=True).update(is_current=False)
    CatalogVersion.objects.create(commit="a" * 40, loaded_by="panel", text=TEXT + notifications, is_current=True)


def messages(**wanted: Any) -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(**wanted).order_by("pk"))


def deliver_all() -> None:
    """Send whatever time would bring."""
    for message in messages(delivered_at=None, dead_at=None):
        OutboxMessage.objects.filter(pk=message.pk).update(next_run_at=StatementTime())
        deliver(message.pk)


@pytest.fixture
def routed(db: None) -> None:
    """The catalog is in force and everything before was looked at."""
    catalog()
    AuditRouted.objects.update_or_create(id=1, defaults={"sequence": AuditEvent.objects.count()})


@pytest.fixture
def secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, secret: str) -> Iterator[Inbox]:
    with http_receiver() as inbox:
        monkeypatch.setenv("INCIDENT_URL", f"{inbox.address}/hooks/one?key=4711")
        monkeypatch.setenv("INCIDENT_SECRET", secret)
        monkeypatch.setenv("CHAT_URL", f"{inbox.address}/chat")
        yield inbox


@pytest.fixture
def post(settings: Any) -> Iterator[Inbox]:
    with smtp_receiver() as inbox:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", inbox.port
        yield inbox
