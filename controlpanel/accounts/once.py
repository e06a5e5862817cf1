"""How every route of the API acts: once for each actor and Idempotency-Key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest
from ninja import Schema
from ninja.responses import Status

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import actor_of
from controlpanel.core.idempotency import answer_once


def once(
    request: HttpRequest, key: str, body: Schema | None, status: int, work: Callable[[Actor], dict[str, Any]]
) -> Status[dict[str, Any]]:
    """Do `work` for the token's actor, once for each `Idempotency-Key`; the same call again gets the same answer."""
    actor = actor_of(request)
    asked = {"method": request.method, "path": request.path, "body": body.model_dump(mode="json") if body else None}
    code, said = answer_once(
        principal=_principal(actor), key=key, request=asked, work=lambda: (status, _plain(work(actor)))
    )
    return Status(code, said)


def _principal(actor: Actor) -> str:
    return f"token {actor.token.pk}" if actor.token else actor.name


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as JSON values only, so that it can be kept and given again."""
    plain: dict[str, Any] = json.loads(json.dumps(answer, cls=DjangoJSONEncoder))
    return plain
