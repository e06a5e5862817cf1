"""`/plans`: promotions that are asked for later."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.accounts.once import once
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import KEY, Key
from deployments.api.answers import PlanList, PlanOut
from deployments.api.requests import PlanIn
from deployments.models import PlannedPromotion
from deployments.selectors.plans import plans_seen_by
from deployments.services import planning

router = Router(tags=["plans"])


@router.get("", auth=Bearer(Right.VIEW), response={200: PlanList, **PROBLEMS}, summary="List planned promotions")
def plan_list(request: HttpRequest) -> Any:
    """What is planned, and the newest of what was carried out, refused or called off."""
    return {"items": [_shape(row) for row in plans_seen_by(actor_of(request))], "next": None}


@router.post("", auth=Bearer(Right.PROMOTION_REQUEST), response={201: PlanOut, **PROBLEMS}, summary="Plan a promotion")
def plan_add(request: HttpRequest, body: PlanIn, key: Key = KEY) -> Status[Any]:
    """It is asked for at `at`, in the token's name and with the rights and by the gates of then."""

    def work(actor: Actor) -> dict[str, Any]:
        return _shape(planning.promotion_plan(actor=actor, **body.model_dump()))

    return once(request, key, body, 201, work)


@router.post(
    "/{plan}/cancel", auth=Bearer(Right.PROMOTION_ABORT), response={200: PlanOut, **PROBLEMS}, summary="Call a plan off"
)
def plan_end(request: HttpRequest, plan: str, key: Key = KEY) -> Status[Any]:
    """Answers 409 where it was carried out or called off already."""

    def work(actor: Actor) -> dict[str, Any]:
        return _shape(planning.plan_cancel(actor=actor, plan=planning.find_plan(plan, actor=actor)))

    return once(request, key, None, 200, work)


def _shape(row: PlannedPromotion) -> dict[str, Any]:
    return {
        "id": row.pk, "environment": row.environment.name, "release": row.release.version if row.release else None,
        "components": row.components, "reason": row.reason, "requested_by": row.requested_by, "at": row.due_at, "state": row.state,
        "outcome": row.outcome, "promotion": row.promotion.number if row.promotion else None,
    }  # fmt: skip
