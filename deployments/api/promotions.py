"""`/promotions`: asking for them, reading them, and acting on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Body, Router
from ninja.responses import Status

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.accounts.once import once
from controlpanel.core.keyset import Cursor, Limit, portion
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import KEY, Key, Word
from deployments.api import shapes
from deployments.api.answers import EvidenceList, PromotionList, PromotionOut
from deployments.api.requests import ActIn, DecisionIn, PassIn, PromotionIn, RollbackIn
from deployments.choices import State
from deployments.models import Evidence, Promotion
from deployments.selectors.interface import promotions_seen_by, told
from deployments.services import approving, rollbacks
from deployments.services import promotions as services
from deployments.services.overriding import Override, promotion_override

router = Router(tags=["promotions"])
Act = Callable[[Actor, Promotion], object]
Said = Annotated[ActIn, Body()]
SaidOfRollback = Annotated[RollbackIn, Body()]
SaidOfDecision = Annotated[DecisionIn, Body()]
NOTHING, BACK, UNSAID = ActIn(), RollbackIn(tenants="", emergency=False), DecisionIn(reason="", render_digest="")


@router.get("", auth=Bearer(Right.VIEW), response={200: PromotionList, **PROBLEMS}, summary="List promotions")
def promotion_list(
    request: HttpRequest,
    limit: Limit = 20,
    cursor: Cursor = "",
    environment: Word = "",
    release: Word = "",
    state: Literal[tuple(State.values)] | None = None,  # type: ignore[valid-type]  # the vocabulary is kept in one place
) -> Any:
    """Newest first, of the environments that the token may see."""
    wanted = {"environment__name": environment, "release__version": release, "state": state or ""}
    rows: QuerySet[Promotion] = promotions_seen_by(actor_of(request)).filter(
        **{name: value for name, value in wanted.items() if value}
    )
    found, following = portion(rows, by="number", cursor=cursor, limit=limit)
    return {"items": [shapes.promotion(one) for one in told(found)], "next": following}


@router.post(
    "", auth=Bearer(Right.PROMOTION_REQUEST), response={202: PromotionOut, **PROBLEMS}, summary="Ask for a promotion"
)
def promotion_ask(request: HttpRequest, body: PromotionIn, key: Key = KEY) -> Status[Any]:
    """With the `render_digest` of a preflight it is judged at once: 409 with `gates` where it is stale or blocked.
    Without one it is judged after rendering and may end `rejected`. An equal open one of the same token is answered."""
    return once(request, key, body, 202, lambda actor: _shape(_request(actor, body)))


@router.get(
    "/{identifier}", auth=Bearer(Right.VIEW), response={200: PromotionOut, **PROBLEMS}, summary="Read a promotion"
)
def promotion_read(request: HttpRequest, identifier: Word) -> Any:
    """By its id or its number."""
    return _shape(services.find_promotion(identifier, actor=actor_of(request)))


@router.get(
    "/{identifier}/evidence",
    auth=Bearer(Right.VIEW),
    response={200: EvidenceList, **PROBLEMS},
    summary="List what verification found, tenant by tenant",
)
def promotion_evidence(
    request: HttpRequest, identifier: Word, limit: Limit = 100, cursor: Cursor = "", check: Word = ""
) -> Any:
    """Of every run of every check, or of the one named; newest first."""
    promotion = services.find_promotion(identifier, actor=actor_of(request))
    rows = Evidence.objects.filter(verification__promotion=promotion)
    found, following = portion(
        rows.filter(verification__name=check) if check else rows, by="id", cursor=cursor, limit=limit
    )
    return {"items": [shapes.evidence(one) for one in found], "next": following}


def _act_route(name: str, right: Right, summary: str, act: Callable[[Actor, Promotion, ActIn], object]) -> None:
    """Add `POST /promotions/{identifier}/<name>`; every act is asked for and answered alike."""

    def promotion_act(request: HttpRequest, identifier: Word, body: Said = NOTHING, key: Key = KEY) -> Status[Any]:
        def work(actor: Actor) -> dict[str, Any]:
            promotion = services.find_promotion(identifier, actor=actor)
            actor.require(right, promotion.environment.name)
            act(actor, promotion, body)
            return _shape(services.find_promotion(str(promotion.pk), actor=actor))

        return once(request, key, body, 200, work)

    promotion_act.__name__ = f"promotion_{name}"
    answers = {200: PromotionOut, **PROBLEMS}
    router.post(f"/{{identifier}}/{name}", auth=Bearer(right), response=answers, summary=summary)(promotion_act)


@router.post(
    "/{identifier}/override",
    auth=Bearer(Right.GATE_OVERRIDE),
    response={200: PromotionOut, **PROBLEMS},
    summary="Let a gate pass",
)
def promotion_pass_gate(request: HttpRequest, identifier: Word, body: PassIn, key: Key = KEY) -> Status[Any]:
    """For a promotion that the gate holds: one that waits, or that a freeze has paused."""

    def work(actor: Actor) -> dict[str, Any]:
        promotion = services.find_promotion(identifier, actor=actor)
        said = Override(body.gate, body.reason, body.until)
        promotion_override(actor=actor, promotion=promotion, override=said)
        return _shape(services.find_promotion(str(promotion.pk), actor=actor))

    return once(request, key, body, 200, work)


_act_route(
    "abort",
    Right.PROMOTION_ABORT,
    "Stop a promotion; what is live stays",
    lambda actor, promotion, body: services.promotion_abort(actor=actor, promotion=promotion, reason=body.reason),
)
_act_route(
    "retry",
    Right.PROMOTION_RETRY,
    "Resume the paused step",
    lambda actor, promotion, body: services.promotion_retry(actor=actor, promotion=promotion),
)
_act_route(
    "ignore",
    Right.PROMOTION_IGNORE,
    "Go on although a component is not healthy or a check has failed",
    lambda actor, promotion, body: services.promotion_ignore(actor=actor, promotion=promotion, reason=body.reason),
)
_act_route(
    "claim",
    Right.PROMOTION_CLAIM,
    "Take the decision on a paused promotion",
    lambda actor, promotion, body: services.promotion_claim(actor=actor, promotion=promotion),
)


def _decision_route(name: str, summary: str, decide: Callable[..., object]) -> None:
    """Add `POST /promotions/{identifier}/<name>` for a person's own token with the scope `approve`."""

    def promotion_decide(
        request: HttpRequest, identifier: Word, body: SaidOfDecision = UNSAID, key: Key = KEY
    ) -> Status[Any]:
        def work(actor: Actor) -> dict[str, Any]:
            promotion = services.find_promotion(identifier, actor=actor)
            decide(
                actor=actor, promotion=promotion, comment=body.comment or body.reason, render_digest=body.render_digest
            )
            return _shape(services.find_promotion(str(promotion.pk), actor=actor))

        return once(request, key, body, 200, work)

    promotion_decide.__name__ = f"promotion_{name}"
    route = router.post(
        f"/{{identifier}}/{name}",
        auth=Bearer(Right.PROMOTION_APPROVE),
        response={200: PromotionOut, **PROBLEMS},
        summary=summary,
    )
    route(promotion_decide)


_decision_route("approve", "Approve exactly this digest", approving.promotion_approve)
_decision_route("reject", "Reject it, which ends it", approving.promotion_reject)
_decision_route("confirm", "Confirm an emergency as its second person", approving.emergency_confirm)


@router.post(
    "/{identifier}/rollback",
    auth=Bearer(Right.PROMOTION_ROLL_BACK),
    response={202: PromotionOut, **PROBLEMS},
    summary="Go back to the files that this promotion committed",
)
def promotion_rollback(
    request: HttpRequest, identifier: Word, body: SaidOfRollback = BACK, key: Key = KEY
) -> Status[Any]:
    """Makes a promotion of the kind `rollback` in the same environment; it goes before everything else there."""

    def work(actor: Actor) -> dict[str, Any]:
        target = services.find_promotion(identifier, actor=actor)
        asked = rollbacks.promotion_rollback(
            actor=actor,
            target=target,
            reason=body.reason,
            render_digest=body.render_digest,
            tenants=body.tenants,
            emergency=body.emergency,
        )
        return _shape(services.find_promotion(str(asked.pk), actor=actor))

    return once(request, key, body, 202, work)


def _request(actor: Actor, body: PromotionIn) -> Promotion:
    asked = services.promotion_request(
        actor=actor,
        environment=body.environment,
        release=body.release,
        reason=body.reason,
        render_digest=body.render_digest,
        components=body.components,
        kind=body.kind,
        overrides=[Override(one.gate, one.reason, one.until) for one in body.override],
    )
    return services.find_promotion(str(asked.pk), actor=actor)


def _shape(promotion: Promotion) -> dict[str, Any]:
    return shapes.promotion(told([promotion])[0])
