"""A webhook signed as Standard Webhooks says: the id is the message's, the same in every try, so that a second copy is told."""

from __future__ import annotations

import json
import time
from typing import Any

from django.conf import settings

from controlpanel.catalog.receivers import receiver_in_force, value_of
from controlpanel.clients import webhook
from controlpanel.clients.errors import ClientError
from controlpanel.clients.standard_webhooks import signed
from controlpanel.core.models import OutboxMessage
from deployments.notifications.base import NotDelivered, channels

NEVER = (400, 410, 413, 422)
"""The same bytes are not taken the next time either, or nobody is there any more."""
LONGEST_PAUSE = 600.0


@channels.register("webhook")
def send(message: OutboxMessage) -> None:
    """Send one event. Raises `NotDelivered`."""
    try:
        receiver = receiver_in_force(message.destination)
        body = json.dumps(document_of(message), ensure_ascii=False, sort_keys=True).encode()
        secret, url = value_of(receiver.secret_from), value_of(receiver.url_from)
        headers = signed(secret, of="the webhook", identifier=str(message.pk), at=int(time.time()), body=body)
    except ClientError as error:
        raise NotDelivered(str(error)) from None
    post(url, body, headers)


def document_of(message: OutboxMessage) -> dict[str, Any]:
    """What the receiver reads; equal in every try."""
    facts = {name: value for name, value in message.payload.items() if name not in ("event", "at", "path", "receiver")}
    url = f"{settings.PUBLIC_URL}{message.payload['path']}"
    return {"type": message.payload["event"], "timestamp": message.payload["at"], "data": {**facts, "url": url}}


def post(url: str, body: bytes, headers: dict[str, str]) -> None:
    """Hand it over. Raises `NotDelivered`, in words that hold neither the address nor the answer."""
    try:
        webhook.post(url, body, headers)
    except webhook.Answered as error:
        again = None if error.retry_after is None else min(error.retry_after, LONGEST_PAUSE)
        words = " Redirects are not followed." if 300 <= error.status < 400 else ""
        raise NotDelivered(f"{error}{words}", permanent=error.status in NEVER, again_in=again) from None
    except ClientError as error:
        raise NotDelivered(str(error)) from None
