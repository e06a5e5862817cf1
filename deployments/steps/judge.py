"""requested: wait for the rendering of a request without a digest, then ask the gates."""

from __future__ import annotations

from controlpanel.core import audit, doorbell
from controlpanel.core.lease import StatementTime
from deployments import checking, gates, lifecycle
from deployments.choices import Confidence, Kind, PreflightState, State
from deployments.models import Preflight, Promotion
from deployments.steps.base import Context, Outcome, move_to, wait

PATIENCE_SECONDS = 180


def run(context: Context) -> Outcome:
    """Admit to the queue, or end `rejected` with the gates or `failed` with the rendering's own words."""
    promotion = context.promotion
    preflight = promotion.preflight or render_preview(context)
    if preflight.state == PreflightState.RENDERING:
        if _age(context) > PATIENCE_SECONDS:
            return move_to(
                State.FAILED,
                "Rendering took longer than 3 minutes. See that a worker runs.",
                confidence=Confidence.OBSERVED,
            )
        return wait(2.0, "Rendering")
    if preflight.state == PreflightState.FAILED:
        return move_to(State.FAILED, f"{preflight.error} {preflight.remedy}".strip(), confidence=Confidence.OBSERVED)
    if _waits_for_the_check(context):
        return wait(1.0, "Waits for the external check.")
    promotion.render_digest = preflight.render_digest
    answers = gates.for_target(
        release=promotion.release, environment=promotion.environment, preflight=preflight, promotion=promotion,
        kind=Kind(promotion.kind),
    )  # fmt: skip
    blocking = next((answer for answer in answers if answer.blocks), None)
    with context.held():
        Promotion.objects.filter(pk=promotion.pk).update(render_digest=preflight.render_digest)
        if blocking is None:
            lifecycle.admit(promotion, answers, lease=context.lease)
            return Outcome(again=0.0)
        lifecycle.remember(promotion, answers, asked="request")
        lifecycle.end(
            promotion, State.REJECTED, actor=audit.SYSTEM, lease=context.lease, message=f"Blocked: {blocking.reason}"
        )
    return Outcome(again=None)


def render_preview(context: Context) -> Preflight:
    """Have a worker render what the promotion would bring."""
    promotion = context.promotion
    with context.held():
        preflight = Preflight.objects.create(
            release=promotion.release, environment=promotion.environment, components=promotion.components,
            restores=promotion.restores, keeps_tenants=promotion.keeps_tenants, created_by=promotion.requested_by, next_run_at=StatementTime(),
        )  # fmt: skip
        Promotion.objects.filter(pk=promotion.pk).update(preflight=preflight)
        doorbell.ring("render_preflight", preflight.pk)
    return preflight


def _waits_for_the_check(context: Context) -> bool:
    """For a while; after that its gate says what is missing."""
    promotion = context.promotion
    asked = (promotion.environment, promotion.release, promotion.kind)
    checking.want(*asked)
    return checking.is_pending(*asked) and _age(context) <= PATIENCE_SECONDS


def _age(context: Context) -> float:
    return (context.now() - context.promotion.created_at).total_seconds()
