"""An incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat, Teams by a connector)."""

from __future__ import annotations

import json

from django.conf import settings

from controlpanel.catalog.receivers import receiver_in_force, value_of
from controlpanel.clients.errors import ClientError
from controlpanel.core.models import OutboxMessage
from deployments.notifications.base import NotDelivered, channels
from deployments.notifications.webhook import post

LONGEST = 2800
"""Slack takes 3,000 characters in one block."""


@channels.register("slack")
def send(message: OutboxMessage) -> None:
    """Send one message. Raises `NotDelivered`."""
    try:
        url = value_of(receiver_in_force(message.destination).url_from)
    except ClientError as error:
        raise NotDelivered(str(error)) from None
    post(url, json.dumps({"text": text_of(message)}, ensure_ascii=False).encode(), {"webhook-id": str(message.pk)})


def text_of(message: OutboxMessage) -> str:
    """Subject, sentence and link; whoever is named in it mentions nobody and makes no link."""
    payload = message.payload
    said = "\n".join(filter(None, (escaped(payload["subject"]), escaped(payload["text"])[:LONGEST])))
    return f"{said}\n{settings.PUBLIC_URL}{payload['path']}"


def escaped(text: str) -> str:
    """As text: Slack obeys `<!channel>` and `<https://…|words>`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
