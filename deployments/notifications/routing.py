"""Finds for each event whom the catalog wants told, and queues one message for each of them: all of an event, or none yet.

Writers of events know nothing of this. The chain makes events visible in the order of their numbers, so a row that says how
far was looked leaves none behind, however many look and whoever dies.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from controlpanel.catalog.notifications import NotificationsSpec, ReceiverSpec
from controlpanel.catalog.receivers import notifications_in_force
from controlpanel.core import outbox
from controlpanel.core.models import AuditEvent, AuditRouted, OutboxMessage
from deployments.choices import State
from deployments.models import Promotion
from deployments.notifications.events import name_of
from deployments.notifications.wording import payload_of

PORTION = 200
ASKED = f"promotion.{State.AWAITING_APPROVAL.value}"


def route() -> int:
    """Look at what happened since the last call; returns how many messages were queued."""
    AuditRouted.objects.get_or_create(id=1)
    with transaction.atomic():
        place = AuditRouted.objects.select_for_update(skip_locked=True).filter(id=1).first()
        if place is None:  # another process does it
            return 0
        events = list(AuditEvent.objects.filter(sequence__gt=place.sequence).order_by("sequence")[:PORTION])
        if not events:
            return 0
        queued = _queue(events, notifications_in_force())
        place.sequence = events[-1].sequence
        place.save()
    return queued


def send_to(receiver: ReceiverSpec, event: AuditEvent, promotion: Promotion | None = None) -> list[OutboxMessage]:
    """Queue one message for each address of a receiver, in the current transaction; the same event never queues one twice."""
    payload = payload_of(event, promotion) | {"receiver": receiver.name}
    destinations = receiver.to or (receiver.name,)
    return [outbox.queue(event, kind=receiver.kind, destination=one, payload=payload) for one in destinations]


def _queue(events: Iterable[AuditEvent], spec: NotificationsSpec) -> int:
    if not spec.routes:
        return 0
    known = list(events)
    rows = Promotion.objects.select_related("environment", "release", "restores")
    promotions = rows.in_bulk({event.promotion for event in known if event.promotion})
    queued = 0
    for event in known:
        promotion = promotions.get(event.promotion) if event.promotion else None
        if event.action == ASKED and promotion and promotion.state != State.AWAITING_APPROVAL:
            continue  # every promotion comes by here; one that waits for nobody, or no longer, asks nobody
        for receiver in spec.receivers_of(frozenset({event.action, name_of(event, promotion)}), event.environment):
            queued += len(send_to(receiver, event, promotion))
    return queued
