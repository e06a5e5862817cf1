"""queued: take the lane when it is free and the gates still say yes."""

from __future__ import annotations

from django.db import IntegrityError

from controlpanel.core import audit
from deployments import checking, gates, lifecycle
from deployments.choices import IN_LANE, Kind, State, Verdict
from deployments.models import Promotion
from deployments.selectors.approvals import GATE as APPROVALS
from deployments.steps import await_approval
from deployments.steps.base import Context, Outcome, wait

AGAIN_SECONDS = 5.0


def run(context: Context) -> Outcome:
    """Ask the gates once more; the first in the queue moves to `rendering`, which the database allows once."""
    promotion = context.promotion
    checking.want(promotion.environment, promotion.release, promotion.kind)
    answers = gates.for_target(
        release=promotion.release, environment=promotion.environment, preflight=promotion.preflight,
        promotion=promotion, asked="start", kind=Kind(promotion.kind),
    )  # fmt: skip
    goes = (Verdict.PASS, Verdict.OVERRIDDEN)
    if not _is_approved(answers):
        return await_approval.again(context)
    holding = next((answer for answer in answers if answer.verdict not in goes), None)
    if holding is not None:
        _note(context, answers, holding.reason)
        return wait(AGAIN_SECONDS)
    try:
        with context.held():
            if not await_approval.holds(promotion):  # somebody's right or word went since the question
                return await_approval.again(context)
            _call_off(promotion)
            lifecycle.remember(promotion, answers, asked="start")
            lifecycle.move(
                promotion, State.RENDERING, actor=audit.SYSTEM, lease=context.lease, message="Started.", note=""
            )
    except IntegrityError:  # another one took the lane between the question and the move, or a rollback has it
        promotion.state = State.QUEUED
        return wait(AGAIN_SECONDS, "Waits for the lane.")
    return Outcome(again=0.0)


def _is_approved(answers: list[gates.GateAnswer]) -> bool:
    return all(answer.verdict != Verdict.WAIT for answer in answers if answer.gate == APPROVALS)


def _call_off(promotion: Promotion) -> None:
    """A rollback goes first: what runs is called off in the same transaction. Another rollback keeps the lane."""
    if promotion.kind != Kind.ROLLBACK:
        return
    running = Promotion.objects.filter(environment=promotion.environment, state__in=IN_LANE).exclude(kind=Kind.ROLLBACK)
    for other in running.select_related("environment", "release", "requester").select_for_update(of=("self",)):
        said = (
            f"Called off: promotion {promotion.number} rolls {promotion.environment.name} back to {promotion.release}."
        )
        lifecycle.move(other, State.CANCELING, actor=audit.SYSTEM, message=said)


def _note(context: Context, answers: list[gates.GateAnswer], reason: str) -> None:
    if context.promotion.note == reason:
        return
    with context.held():
        lifecycle.remember(context.promotion, answers, asked="start")
        Promotion.objects.filter(pk=context.promotion.pk).update(note=reason)
        lifecycle.publish(context.promotion)
