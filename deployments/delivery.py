"""Sends messages of the outbox: at least once, with a stable id, with growing intervals, for a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.utils import timezone

from controlpanel.core import lease
from controlpanel.core.lease import Lease, StatementTime
from controlpanel.core.models import OutboxMessage
from deployments.notifications import NotDelivered, channels

log = structlog.get_logger(__name__)
GIVE_UP_AFTER = timedelta(hours=24)


def deliver(pk: Any) -> bool:
    """Send one due message; False where it is not due or another process has it."""
    return lease.run_claimed(OutboxMessage, pk, _send)


def _send(message: OutboxMessage, held: Lease) -> float | None:
    rows = OutboxMessage.objects.filter(pk=message.pk, fencing=held.fencing)
    if message.delivered_at or message.dead_at:
        return None
    if message.attempts > 1 and timezone.now() - message.tried_since > GIVE_UP_AFTER:
        rows.update(dead_at=StatementTime(), last_error=message.last_error or "No try came to an end; see the log.")
        return None
    try:
        channels[message.kind](message)
    except NotDelivered as error:
        log.warning("message_not_delivered", message=str(message.pk), kind=message.kind, error=str(error))
        if error.permanent or timezone.now() - message.tried_since > GIVE_UP_AFTER:
            rows.update(dead_at=StatementTime(), last_error=str(error))
            return None
        rows.update(last_error=str(error))
        return float(min(2**message.attempts, 600)) if error.again_in is None else error.again_in
    rows.update(delivered_at=StatementTime(), last_error="")
    return None
