"""`/freezes`: what is frozen, setting and lifting."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.accounts.once import once
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import KEY, Key
from deployments.api.answers import FreezeList, FreezeOut
from deployments.api.requests import FreezeIn
from deployments.models import Freeze
from deployments.selectors.freezes import seen_by, standing
from deployments.services import freezing

router = Router(tags=["freezes"])


@router.get("", auth=Bearer(Right.VIEW), response={200: FreezeList, **PROBLEMS}, summary="List freezes")
def freeze_list(request: HttpRequest) -> Any:
    """Those that stand: holding now, or planned. Newest first, all of them."""
    rows = seen_by(actor_of(request), standing())
    return {"items": [_shape(row) for row in reversed(rows)], "next": None}


@router.post("", auth=Bearer(Right.FREEZE), response={201: FreezeOut, **PROBLEMS}, summary="Set a freeze")
def freeze_ask(request: HttpRequest, body: FreezeIn, key: Key = KEY) -> Status[Any]:
    """With nothing but a reason: everything, from now on, until it is lifted."""

    def work(actor: Actor) -> dict[str, Any]:
        return _shape(freezing.freeze_set(actor=actor, wanted=freezing.Wanted(**body.model_dump())))

    return once(request, key, body, 201, work)


@router.post(
    "/{freeze}/lift", auth=Bearer(Right.FREEZE), response={200: FreezeOut, **PROBLEMS}, summary="Lift a freeze"
)
def freeze_lift(request: HttpRequest, freeze: str, key: Key = KEY) -> Status[Any]:
    """For good; what waited for it goes on. Lifting twice changes nothing."""

    def work(actor: Actor) -> dict[str, Any]:
        return _shape(freezing.freeze_lift(actor=actor, freeze=freezing.find_freeze(freeze, actor=actor)))

    return once(request, key, None, 200, work)


def _shape(row: Freeze) -> dict[str, Any]:
    now = timezone.now()
    until = row.holds_until(now)
    names = (
        "id", "reason", "environment", "component", "tenant", "starts_at", "ends_at", "cron", "lasts_minutes", "time_zone", "created_by",
        "created_at", "lifted_by", "lifted_at",
    )  # fmt: skip
    facts = {"holds": until != now, "holds_until": until if until != now else None, "next_start": row.next_start(now)}
    return {**{name: getattr(row, name) for name in names}, **facts}
