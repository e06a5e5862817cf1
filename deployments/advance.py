"""Claims a promotion, runs one step, writes its result, gives the row back. Waiting holds a row, never a worker."""

from __future__ import annotations

import random
from typing import Any

import structlog

from controlpanel.clients.errors import (
    ClientError,
    CredentialsRefused,
    GitCredentialsRefused,
    GitRejected,
    PermissionRefused,
    RateLimited,
)
from controlpanel.core import audit, doorbell, lease
from controlpanel.core.lease import Lease
from deployments import lifecycle
from deployments.choices import RUNNING, TERMINAL, State
from deployments.models import Promotion
from deployments.steps import STEPS, Context, Outcome
from deployments.steps.base import move_to, pause
from deployments.steps.deadlines import overdue

log = structlog.get_logger(__name__)
BACK_OFF = (1, 2, 4, 6)
"""Times `outage_seconds` between tries that meet the same outage: 5, 10, 20 and then 30 s, each a little off, so that
promotions that met it together do not come back together."""
POISONED_AFTER = 8
"""Claims in a row that ended without any result: the step kills its worker, so a person must look."""
REFUSALS = (CredentialsRefused, PermissionRefused, GitCredentialsRefused, GitRejected)
"""Trying again changes nothing until a person has mended it."""
HAVE_A_DEADLINE = (*RUNNING, State.CANCELING)


def advance(pk: Any) -> bool:
    """Run the next step of one due promotion; False where it is not due or another process has it."""
    with structlog.contextvars.bound_contextvars(promotion=str(pk)):
        ran = lease.run_claimed(Promotion, pk, _step)
    if ran and lease.due(Promotion).filter(pk=pk).exists():
        doorbell.ring_now("advance_promotion", pk)
    return ran


def _step(promotion: Promotion, held: Lease) -> float | None:
    related = ("environment", "release", "preflight", "requester", "restores")
    promotion = Promotion.objects.select_related(*related).get(pk=promotion.pk)
    step = STEPS.get(State(promotion.state))
    if step is None:
        _rest(promotion)
        return None
    context = Context(promotion=promotion, lease=held)
    outcome = _guarded(step, context)
    return _apply(context, outcome)


def _rest(promotion: Promotion) -> None:
    """Someone ended it while a worker held it, whose giving back made it due: let it rest. An end keeps its fencing
    number, so the usual way of giving back does not find it."""
    Promotion.objects.filter(pk=promotion.pk, state__in=TERMINAL).update(lease_until=None, next_run_at=None)


def _guarded(step: Any, context: Context) -> Outcome:
    """Run the step; an outside system's error becomes waiting, a refusal or a deadline that has passed a question."""
    promotion = context.promotion
    if promotion.attempts > POISONED_AFTER and (given_up := _poisoned(context)) is not None:
        return given_up
    came_from = promotion.state
    try:
        outcome: Outcome = step(context)
    except REFUSALS as error:
        if promotion.state in RUNNING:
            return pause(
                "credentials", error.sentence, advice=error.remedy, effect="Nothing more happens until it is mended."
            )
        return _later(context, error)
    except ClientError as error:
        return _later(context, error)
    Promotion.objects.filter(pk=promotion.pk, fencing=context.lease.fencing).update(attempts=0, outages=0)
    only_waits = outcome.to is None and outcome.issue is None and promotion.state == came_from
    if only_waits and came_from in HAVE_A_DEADLINE and came_from != State.ROLLING_OUT:  # its components have their own
        return overdue(context, outcome.message) or outcome
    return outcome


def _poisoned(context: Context) -> Outcome | None:
    promotion = context.promotion
    said = f"{State(promotion.state).label} was tried {promotion.attempts - 1} times without a result."
    if promotion.state in RUNNING:
        return pause("no_progress", said, advice="See the log of the worker for this promotion, then retry.")
    if promotion.state == State.REQUESTED:
        return move_to(State.FAILED, f"{said} See the log of the worker.")
    return overdue(context, said) if promotion.state == State.CANCELING else None


def _later(context: Context, error: ClientError) -> Outcome:
    """An outage: what we know stays, the note says what is missing, the next try comes by itself."""
    promotion = context.promotion
    log.warning("step_waits", state=promotion.state, error=str(error))
    outages = promotion.outages + 1
    Promotion.objects.filter(pk=promotion.pk, fencing=context.lease.fencing).update(attempts=0, outages=outages)
    late = overdue(context, str(error)) if promotion.state in HAVE_A_DEADLINE else None
    asked_for = error.retry_after if isinstance(error, RateLimited) else None
    return late or Outcome(again=asked_for or _back_off(context, outages), message=f"{error.sentence} Trying again.")


def _back_off(context: Context, outages: int) -> float:
    factor = BACK_OFF[min(outages, len(BACK_OFF)) - 1]
    return float(context.timings.outage_seconds) * factor * random.uniform(0.8, 1.2)  # noqa: S311  # no secret


def _apply(context: Context, outcome: Outcome) -> float | None:
    promotion = context.promotion
    if outcome.issue is not None:
        lifecycle.pause(promotion, actor=audit.SYSTEM, lease=context.lease, issue=outcome.issue)
    elif outcome.to in TERMINAL:
        lifecycle.end(
            promotion, outcome.to, actor=audit.SYSTEM, message=outcome.message, lease=context.lease, **outcome.fields
        )
    elif outcome.to is not None:
        lifecycle.move(
            promotion, outcome.to, actor=audit.SYSTEM, message=outcome.message, lease=context.lease, **outcome.fields
        )
    elif promotion.state not in TERMINAL and outcome.message != promotion.note:
        _note(context, outcome.message)
    return None if promotion.state in TERMINAL else outcome.again


def _note(context: Context, text: str) -> None:
    with context.held():
        Promotion.objects.filter(pk=context.promotion.pk).update(note=text)
        lifecycle.publish(context.promotion)
