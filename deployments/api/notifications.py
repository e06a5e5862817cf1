"""`/receivers` and `/notifications`: who is told, what came of it, and sending again what was given up."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.responses import Status
from pydantic import Field

from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.accounts.once import once
from controlpanel.core.keyset import Limit
from controlpanel.core.models import OutboxMessage
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import KEY, Key, Word
from deployments.selectors.notifications import Told, masked, messages_portion, receivers_told, state_of
from deployments.services.notifying import message_replay, receiver_test

receivers, notifications = Router(tags=["notifications"]), Router(tags=["notifications"])
Cursor = Annotated[str, Field(max_length=36, description="`next` of the portion before.")]


class MessageOut(Schema):
    """One message of the outbox; `id` is what the receiver sees in every try."""

    id: uuid.UUID
    kind: str
    destination: str
    state: str
    event: str
    sequence: int
    subject: str
    attempts: int
    created_at: datetime
    delivered_at: datetime | None
    dead_at: datetime | None
    next_try_at: datetime | None
    last_error: str


class MessageList(Schema):
    items: list[MessageOut]
    next: str | None


class ReceiverOut(Schema):
    """`places` are masked addresses of mail, or where address and secret are read; never these themselves."""

    name: str
    kind: str
    places: list[str]
    routes: int
    last: MessageOut | None


class ReceiverList(Schema):
    items: list[ReceiverOut]


@receivers.get("", auth=Bearer(Right.ADMINISTER), response={200: ReceiverList, **PROBLEMS}, summary="List receivers")
def receiver_list(request: HttpRequest) -> Any:
    """In the order of the catalog, each with the newest message to it."""
    actor_of(request).require(Right.ADMINISTER, "")
    return {"items": [_receiver(one) for one in receivers_told()]}


@receivers.post(
    "/{receiver}/test", auth=Bearer(Right.ADMINISTER), response={202: MessageList, **PROBLEMS}, summary="Try a receiver"
)
def receiver_try(request: HttpRequest, receiver: Word, key: Key = KEY) -> Status[Any]:
    """Sends one message to it, whatever the routes say."""
    return once(
        request, key, None, 202,
        lambda actor: {"items": [_message(one) for one in receiver_test(actor=actor, receiver=receiver)], "next": None},
    )  # fmt: skip


@notifications.get("", auth=Bearer(Right.ADMINISTER), response={200: MessageList, **PROBLEMS}, summary="List messages")
def message_list(
    request: HttpRequest,
    limit: Limit = 50,
    cursor: Cursor = "",
    state: Literal["", "waiting", "delivered", "dead"] = "",
) -> Any:
    """Newest first; `dead` are those that were given up."""
    actor_of(request).require(Right.ADMINISTER, "")
    found, following = messages_portion(state, cursor, limit)
    return {"items": [_message(one) for one in found], "next": following}


@notifications.post(
    "/{message}/replay", auth=Bearer(Right.ADMINISTER), response={202: MessageOut, **PROBLEMS}, summary="Send again"
)
def message_again(request: HttpRequest, message: uuid.UUID, key: Key = KEY) -> Status[Any]:
    """A message that was given up; 409 where it was not."""
    return once(request, key, None, 202, lambda actor: _message(message_replay(actor=actor, message=message)))


def _receiver(one: Told) -> dict[str, Any]:
    last = _message(one.last) if one.last else None
    return {"name": one.spec.name, "kind": one.spec.kind, "places": one.places, "routes": one.routes, "last": last}


def _message(row: OutboxMessage) -> dict[str, Any]:
    return {
        "id": row.pk, "kind": row.kind, "destination": masked(row.kind, row.destination), "state": state_of(row),
        "event": row.payload.get("event") or row.event.action, "sequence": row.event_id,
        "subject": row.payload.get("subject", ""), "attempts": row.attempts, "created_at": row.created_at,
        "delivered_at": row.delivered_at, "dead_at": row.dead_at, "next_try_at": row.next_run_at, "last_error": row.last_error,
    }  # fmt: skip
