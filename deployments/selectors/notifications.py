"""Receivers with what came of the last message to each, and messages by their state. No address and no secret stands in a row."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import QuerySet

from controlpanel.catalog.notifications import ReceiverSpec
from controlpanel.catalog.receivers import notifications_in_force
from controlpanel.core.errors import InvalidError
from controlpanel.core.keyset import portion
from controlpanel.core.models import OutboxMessage

STATES = ("waiting", "delivered", "dead")


@dataclass(frozen=True, kw_only=True)
class Told:
    """One receiver as a page shows it. `places` are addresses of mail, masked, or where the address is read; `last` is the newest
    message to any of them."""

    spec: ReceiverSpec
    places: tuple[str, ...]
    routes: int
    last: OutboxMessage | None

    @property
    def state(self) -> str:
        """Of the last message: a word of the vocabulary `message`."""
        return state_of(self.last) if self.last else "never"


def state_of(message: OutboxMessage) -> str:
    """delivered, dead, or waiting: still to be sent, or sent again."""
    if message.delivered_at:
        return "delivered"
    if message.dead_at:
        return "dead"
    return "retrying" if message.last_error else "waiting"


def masked(kind: str, destination: str) -> str:
    """A mail address with one letter of its name; names of receivers as they are."""
    name, at, host = destination.rpartition("@")
    return f"{name[:1]}…@{host}" if kind == "mail" and at else destination


def receivers_told() -> list[Told]:
    """All receivers of the catalog, in its order, in one query besides the catalog's."""
    spec = notifications_in_force()
    kinds = {(one.kind, place): one.name for one in spec.receivers.values() for place in one.to or (one.name,)}
    rows = OutboxMessage.objects.filter(
        kind__in={kind for kind, _ in kinds}, destination__in={place for _, place in kinds}
    )
    newest = rows.select_related("event").order_by("kind", "destination", "-id").distinct("kind", "destination")
    last: dict[str, OutboxMessage] = {}
    for row in sorted(newest, key=lambda one: one.pk):
        if name := kinds.get((row.kind, row.destination)):
            last[name] = row
    return [
        Told(
            spec=one, places=_places(one), routes=sum(one.name in route.receivers for route in spec.routes),
            last=last.get(one.name),
        )
        for one in spec.receivers.values()
    ]  # fmt: skip


def _places(spec: ReceiverSpec) -> tuple[str, ...]:
    named = [f"address from {spec.url_from}"] if str(spec.url_from) else []
    signed = [f"secret from {spec.secret_from}"] if str(spec.secret_from) else []
    return tuple(masked("mail", one) for one in spec.to) or (*named, *signed)


def messages_portion(state: str, cursor: str, limit: int) -> tuple[list[OutboxMessage], str | None]:
    """The next messages in a state ("" for all), newest first, and the cursor of what follows. Raises `InvalidError`."""
    rows = _in_state(state).select_related("event")
    return portion(rows, by="id", cursor=cursor, limit=limit, place=uuid.UUID)


def _in_state(state: str) -> QuerySet[OutboxMessage]:
    wanted = {
        "": {}, "dead": {"dead_at__isnull": False}, "delivered": {"delivered_at__isnull": False},
        "waiting": {"dead_at__isnull": True, "delivered_at__isnull": True},
    }  # fmt: skip
    if state not in wanted:
        raise InvalidError(f"There is no state {state}.", f"Choose from {', '.join(STATES)}.", field="state")
    return OutboxMessage.objects.filter(**wanted[state])
