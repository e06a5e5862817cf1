"""`/preflight`: what a promotion would change, and what its gates say, before anyone asks for it."""

from __future__ import annotations

import time
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.responses import Status

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.accounts.once import once
from controlpanel.core.errors import AbsentError
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.waiting import listening, read
from controlpanel.core.words import KEY, Key
from deployments.api import shapes
from deployments.api.answers import PreflightOut
from deployments.api.requests import PreflightIn
from deployments.choices import PreflightState
from deployments.models import Preflight
from deployments.selectors.tenants import tenants_of
from deployments.services.preflights import gates_of, named_release, preflight_request

router = Router(tags=["preflight"])
PATIENCE_SECONDS = 10.0


@router.post(
    "",
    auth=Bearer(Right.VIEW),
    response={200: PreflightOut, 202: PreflightOut, **PROBLEMS},
    summary="See what a promotion would change",
)
async def preflight_ask(request: HttpRequest, response: HttpResponse, body: PreflightIn, key: Key = KEY) -> Status[Any]:
    """Answers 200 where it is rendered within 10 seconds, else 202 with the address to read, in `url` and `Location`."""
    asked = await read(once, request, key, body, 202, lambda actor: {"id": str(_ask(actor, body).pk)})
    pk = uuid.UUID(asked.value["id"])
    await _rendered(pk, PATIENCE_SECONDS)
    answer = await read(_answer, actor_of(request), pk)
    if answer["state"] != PreflightState.RENDERING:
        return Status(200, answer)
    response.headers["Location"] = answer["url"]
    return Status(202, answer)


@router.get(
    "/{uuid:identifier}", auth=Bearer(Right.VIEW), response={200: PreflightOut, **PROBLEMS}, summary="Read a preflight"
)
def preflight_read(request: HttpRequest, identifier: uuid.UUID) -> Any:
    """As it stands; the gates are asked anew each time."""
    return _answer(actor_of(request), identifier)


def _ask(actor: Actor, body: PreflightIn) -> Preflight:
    return preflight_request(
        actor=actor,
        release=named_release(body.kind, body.release),
        environment=body.environment,
        components=body.components,
    )


async def _rendered(pk: uuid.UUID, seconds: float) -> None:
    """Return when it is no longer being rendered, or when the time is over."""
    until = time.monotonic() + seconds
    async with listening(f"preflight.{pk}") as stream:
        while await read(_is_rendering, pk) and (left := until - time.monotonic()) > 0:
            await stream.changes(left)


def _is_rendering(pk: uuid.UUID) -> bool:
    return Preflight.objects.filter(pk=pk, state=PreflightState.RENDERING).exists()


def _answer(actor: Actor, pk: uuid.UUID) -> dict[str, Any]:
    row = Preflight.objects.select_related("release", "environment").filter(pk=pk).first()
    if row is None or not actor.may(Right.VIEW, row.environment.name):
        raise AbsentError(
            f"There is no preflight {pk}, or it is not yours to see.", "Ask for one: POST /api/v1/preflight."
        )
    found = tenants_of(row.environment, row.release, row, actor) if row.release else None
    return shapes.preflight(row, gates_of(row, actor=actor), found)
