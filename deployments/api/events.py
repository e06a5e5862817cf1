"""`/promotions/{id}/events`: the events of a promotion as they happen, as Server-Sent Events."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router
from ninja.params.functions import Header

from controlpanel.accounts.actors import Actor, of_token
from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.accounts.models import ApiToken
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.waiting import listening, read
from controlpanel.core.words import Word
from deployments.api import shapes
from deployments.api.answers import EventOut
from deployments.models import Promotion
from deployments.selectors.interface import events_after
from deployments.services.promotions import find_promotion

router = Router(tags=["promotions"])
HEARTBEAT_SECONDS = 8.0
"""Also how long a token that was revoked hears on at most."""
DESCRIBED = {"responses": {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}}


@router.get(
    "/{identifier}/events",
    auth=Bearer(Right.VIEW),
    response={200: EventOut, **PROBLEMS},
    summary="Follow a promotion",
    openapi_extra=DESCRIBED,
)
async def promotion_events(
    request: HttpRequest, identifier: Word, after: str = Header("", alias="Last-Event-ID", max_length=20)
) -> Any:
    """Each event with its `sequence` as id and its type as name; begins behind `Last-Event-ID`, ends with the promotion."""
    actor = actor_of(request)
    promotion = await read(find_promotion, identifier, actor=actor)
    last = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
    response = StreamingHttpResponse(_followed(actor, promotion, last), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-cache, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def _followed(actor: Actor, promotion: Promotion, last: int) -> AsyncIterator[bytes]:
    async with listening(f"promotion.{promotion.pk}") as stream:
        while stream.is_open:
            events, ended = await read(_news, actor, promotion.environment.name, promotion.pk, last)
            for event in events:
                last = event["sequence"]
                yield _frame(event)
            if ended:
                return
            if not await stream.changes(HEARTBEAT_SECONDS):
                yield b": still here\n\n"


def _news(actor: Actor, environment: str, promotion: uuid.UUID, last: int) -> tuple[list[dict[str, Any]], bool]:
    """What happened since, and whether nothing more will be told: it has ended, or the token no longer may."""
    token = ApiToken.live().filter(pk=actor.token.pk).first() if actor.token else None
    if token is None or not of_token(token).may(Right.VIEW, environment):
        return [], True
    events, ended = events_after(promotion, last)
    return [shapes.event(event) for event in events], ended


def _frame(event: dict[str, Any]) -> bytes:
    data = json.dumps(event, cls=DjangoJSONEncoder)
    return f"id: {event['sequence']}\nevent: {event['type']}\ndata: {data}\n\n".encode()
