"""Channels to people and systems outside; messages come from the outbox."""

from deployments.notifications import hub, mail, slack, webhook
from deployments.notifications.base import NotDelivered, channels

__all__ = ["NotDelivered", "channels", "hub", "mail", "slack", "webhook"]
