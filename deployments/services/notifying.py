"""What administrators do with notifications: try a receiver, and have a message sent again that was given up."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.receivers import notifications_in_force
from controlpanel.core import audit, doorbell
from controlpanel.core.errors import AbsentError, ConflictError
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import OutboxMessage
from controlpanel.core.permissions import Right
from deployments.notifications.routing import send_to
from deployments.selectors.notifications import masked


@transaction.atomic
def receiver_test(*, actor: Actor, receiver: str) -> list[OutboxMessage]:
    """Send a message to one receiver, whatever the routes say. Raises `AbsentError` where the catalog has none of that name."""
    actor.require(Right.ADMINISTER, "")
    spec = notifications_in_force().receivers.get(receiver)
    if spec is None:
        raise AbsentError(f"The catalog has no receiver {receiver}.", "See GET /api/v1/receivers.")
    message = f"{actor.name} tries whether notifications reach {receiver}. Nothing happened; nothing is to be done."
    event = audit.record(actor=actor, action="notification.test", target=receiver, message=message)
    send_to(spec, event)
    return list(OutboxMessage.objects.filter(event=event).select_related("event").order_by("pk"))


@transaction.atomic
def message_replay(*, actor: Actor, message: Any) -> OutboxMessage:
    """Send a message again that was given up, under the id that it has. Raises `AbsentError`, and `ConflictError` where it was not
    given up."""
    actor.require(Right.ADMINISTER, "")
    row = OutboxMessage.objects.select_for_update().filter(pk=message).first()
    if row is None:
        raise AbsentError(f"There is no message {message}.", "See GET /api/v1/notifications.")
    if row.dead_at is None:
        state = "was delivered" if row.delivered_at else "is still tried"
        raise ConflictError(f"Message {row.pk} {state}.", "Only what was given up is sent again.")
    row.dead_at, row.tried_since, row.attempts = None, StatementTime(), 0
    row.next_run_at = StatementTime()
    row.save(update_fields=["dead_at", "tried_since", "attempts", "next_run_at"])
    said = f"To {masked(row.kind, row.destination)} by {row.kind}, of entry {row.event_id}."
    details = {"message": str(row.pk), "state": {"from": "given up", "to": "waiting"}}
    audit.record(actor=actor, action="notification.replay", target=f"message {row.pk}", message=said, details=details)
    doorbell.ring("deliver_message", row.pk)
    row.refresh_from_db()
    return row
