"""Notifications: receivers with what came of the last message, a test for each, and messages that were given up, to be sent again."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from controlpanel.accounts.actors import of_request
from controlpanel.catalog.receivers import notifications_in_force
from controlpanel.core.errors import ConflictError
from controlpanel.core.models import OutboxMessage
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from controlpanel.core.views.paging import pages
from deployments.selectors.notifications import STATES, masked, messages_portion, receivers_told, state_of
from deployments.services.notifying import message_replay, receiver_test

TEMPLATE = "settings/notifications.html"
LISTED = 50


@declares(Right.ADMINISTER)
@require_GET
def notifications(request: HttpRequest) -> HttpResponse:
    """For administrators: who is told, and what did not get through."""
    actor = of_request(request)
    actor.require(Right.ADMINISTER, "")
    state = request.GET.get("state", "")
    state = state if state in STATES else ""
    rows, following = messages_portion(state, request.GET.get("cursor", ""), LISTED)
    context = {
        "receivers": receivers_told(), "routes": notifications_in_force().routes, "messages_shown": [_row(one) for one in rows],
        "state": state, **pages(request, following),
        "selects": [{"name": "state", "label": "State", "value": state, "choices": [("", "any"), *((one, "given up" if one == "dead" else one) for one in STATES)]}],
    }  # fmt: skip
    return page(request, TEMPLATE, context)


@declares(Right.ADMINISTER)
@require_POST
def test(request: HttpRequest, receiver: str) -> HttpResponse:
    """Send a test to one receiver."""
    sent = receiver_test(actor=of_request(request), receiver=receiver)
    count = f"{len(sent)} messages are" if len(sent) > 1 else "A message is"
    messages.success(request, f"{count} on the way to {receiver}. What comes of it stands below.")
    return SeeOther(reverse("notifications"))


@declares(Right.ADMINISTER)
@require_POST
def replay(request: HttpRequest, message: uuid.UUID) -> HttpResponse:
    """Send a message again that was given up."""
    try:
        row = message_replay(actor=of_request(request), message=message)
        messages.success(request, f"The message to {masked(row.kind, row.destination)} is sent again.")
    except ConflictError as refusal:
        messages.warning(request, str(refusal))
    return SeeOther(f"{reverse('notifications')}?state=dead")


def _row(message: OutboxMessage) -> dict[str, Any]:
    return {
        "message": message, "state": state_of(message), "to": masked(message.kind, message.destination),
        "subject": message.payload.get("subject") or message.event.action,
        "url": reverse("audit_entry", args=[message.event_id]),
    }  # fmt: skip
