"""Messages to the outside: written with the event that they tell of, sent afterwards, each with a stable id."""

from __future__ import annotations

from typing import Any

from controlpanel.core import doorbell
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import AuditEvent, OutboxMessage


def queue(event: AuditEvent, *, kind: str, destination: str, payload: dict[str, Any]) -> OutboxMessage:
    """Add one message in the current transaction; the same event and destination never make a second one."""
    message, is_new = OutboxMessage.objects.get_or_create(
        event=event, kind=kind, destination=destination, defaults={"payload": payload, "next_run_at": StatementTime()}
    )
    if is_new:
        doorbell.ring("deliver_message", message.pk)
    return message
