"""Who was faster: the newest act on a promotion, for whoever comes too late."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from django.utils import timezone

from controlpanel.accounts.models import User
from controlpanel.core.models import AuditEvent
from controlpanel.core.presentation.wording import relative

DOORS = ("page", "api", "command")
"""Doors of people and of their machines; the others are the panel's own."""


class Act(NamedTuple):
    """ "Deniz Arslan, 4 s ago: Aborted before it started." and whether somebody did it, not the panel."""

    words: str = ""
    is_of_somebody: bool = False


def last_act(promotion: uuid.UUID) -> Act:
    """The newest that was recorded; empty where nothing was."""
    event = AuditEvent.objects.filter(promotion=promotion).exclude(message="").order_by("-sequence").first()
    if event is None or event.at is None:
        return Act()
    named = User.objects.filter(username=event.actor).values_list("display_name", flat=True).first()
    words = f"{named or event.actor.capitalize()}, {relative(event.at, timezone.now())}: {event.message}"
    return Act(words, event.door in DOORS)
