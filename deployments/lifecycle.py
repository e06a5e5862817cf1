"""States and legal moves; the only code that moves a promotion.

Every move is one transaction: the row, its event in the hash chain, the messages of the outbox and the wake-up of
browsers. PostgreSQL holds the same table of moves in a trigger; a test compares the two.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction

from controlpanel.core import audit, doorbell, live
from controlpanel.core.errors import ConflictError
from controlpanel.core.lease import Lease, LeaseLost, StatementTime, wake
from deployments.announcing import announce
from deployments.choices import IN_LANE, RUNNING, TERMINAL, Confidence, State, Verdict
from deployments.models import GateResult, Promotion
from deployments.selectors.approvals import GATE as APPROVALS
from deployments.selectors.overtaking import last_act

S = State
MOVES: dict[State, frozenset[State]] = {
    S.REQUESTED: frozenset({S.AWAITING_APPROVAL, S.QUEUED, S.REJECTED, S.FAILED, S.SUPERSEDED, S.CANCELED}),
    S.AWAITING_APPROVAL: frozenset({S.QUEUED, S.REJECTED, S.EXPIRED, S.SUPERSEDED, S.CANCELED}),
    S.QUEUED: frozenset({S.RENDERING, S.AWAITING_APPROVAL, S.SUPERSEDED, S.CANCELED}),
    S.RENDERING: frozenset({S.COMMITTING, S.FAILED, S.PAUSED, S.CANCELING}),
    S.COMMITTING: frozenset({S.SYNCING, S.FAILED, S.PAUSED, S.CANCELING}),
    S.SYNCING: frozenset({S.ROLLING_OUT, S.FAILED, S.PAUSED, S.CANCELING}),
    S.ROLLING_OUT: frozenset({S.SYNCING, S.COMMITTING, S.VERIFYING, S.SUCCEEDED, S.FAILED, S.PAUSED, S.CANCELING}),
    S.VERIFYING: frozenset({S.SUCCEEDED, S.FAILED, S.PAUSED, S.CANCELING}),
    S.PAUSED: frozenset({*RUNNING, S.AWAITING_APPROVAL, S.SUCCEEDED, S.FAILED, S.CANCELING}),
    S.CANCELING: frozenset({S.CANCELED, S.SUCCEEDED, S.FAILED, S.PAUSED}),
    **{state: frozenset[State]() for state in TERMINAL},
}


PAUSE_SECONDS = 7 * 24 * 3600.0
"""A pause that lasts longer ends by itself."""


class StaleMove(ConflictError):
    """Someone moved the promotion first: who, when and how follows on the sentence."""

    def __init__(self, promotion: uuid.UUID, sentence: str, remedy: str, **extra: Any) -> None:
        act = last_act(promotion)
        super().__init__(f"{sentence} {act.words}".strip(), remedy, **extra)
        if act.is_of_somebody:
            self.title = "Someone was faster"


def move(
    promotion: Promotion,
    to: State,
    *,
    actor: audit.Author,
    message: str,
    lease: Lease | None = None,
    due_in: float | None = 0.0,
    details: dict[str, Any] | None = None,
    **fields: Any,
) -> None:
    """Move a promotion and record it. `due_in` says when a worker should look next (None: only when woken).

    Raises `LeaseLost` where `lease` no longer holds, `StaleMove` where the row has left the state that the caller saw,
    and `AssertionError` for a move that is not in `MOVES`: the caller is wrong, not the user.
    """
    came_from = State(promotion.state)
    assert to in MOVES[came_from], f"{came_from} -> {to} is no legal move."
    with transaction.atomic():
        _lock_as_seen(promotion, came_from, lease)
        _write(promotion, to, fields)
        event = audit.record(
            actor=actor, action=f"promotion.{to.value}", message=message, environment=promotion.environment.name,
            target=f"promotion {promotion.number}", promotion=promotion.pk,
            details={"from": came_from.value, "to": to.value, **(details or {})},
        )  # fmt: skip
        announce(promotion, event)
        if lease is None:
            _schedule(promotion, None if to in TERMINAL else due_in)
        publish(promotion)
    if to in TERMINAL or to == State.CANCELING:
        transaction.on_commit(partial(_wake_queue, promotion.environment_id), robust=True)


def begin(promotion: Promotion, *, actor: audit.Author) -> None:
    """Record that a promotion, just inserted in this transaction, was asked for."""
    reason = f" {promotion.reason}" if promotion.reason else ""
    note(
        promotion,
        actor=actor,
        action="requested",
        message=f"{promotion.title} to {promotion.environment.name} asked for.{reason}",
    )
    doorbell.ring("advance_promotion", promotion.pk)


def admit(promotion: Promotion, answers: Iterable[Any], *, lease: Lease | None = None) -> None:
    """Keep the answers of the gates; queue the promotion, or have it wait for people where the gate of approvals says so."""
    answers = list(answers)
    remember(promotion, answers, asked="request")
    waits = next((one for one in answers if one.gate == APPROVALS and one.verdict == Verdict.WAIT), None)
    said = waits.reason if waits else "No approval is needed."
    move(promotion, State.AWAITING_APPROVAL, actor=audit.SYSTEM, message=said, lease=lease, note=said if waits else "")
    if waits is None:
        move(promotion, State.QUEUED, actor=audit.SYSTEM, message="Waits for the lane.", lease=lease)


def remember(promotion: Promotion, answers: Iterable[Any], *, asked: str) -> None:
    """Keep what each gate said, replacing what it said at the same moment before."""
    for answer in answers:
        values = {name: getattr(answer, name) for name in ("title", "verdict", "reason", "owner", "remedy", "opens_at")}
        GateResult.objects.update_or_create(promotion=promotion, asked=asked, gate=answer.gate, defaults=values)


def note(
    promotion: Promotion, *, actor: audit.Author, action: str, message: str, details: dict[str, Any] | None = None
) -> None:
    """Record something that happened to a promotion without moving it."""
    audit.record(
        actor=actor, action=f"promotion.{action}", message=message, environment=promotion.environment.name,
        target=f"promotion {promotion.number}", promotion=promotion.pk, details=details,
    )  # fmt: skip
    publish(promotion)


def publish(promotion: Promotion) -> None:
    """Tell browsers that the promotion and its environment have changed (names only, on commit)."""
    live.publish(f"promotion.{promotion.pk}")
    live.publish(f"environment.{promotion.environment.name}")


def pause(promotion: Promotion, *, actor: audit.Author, lease: Lease | None, issue: dict[str, Any]) -> None:
    """Pause for a person. `issue` has `cause`, `sentence`, `effect`, `advice` and perhaps `kind`, `namespace`, `name`."""
    move(
        promotion, State.PAUSED, actor=actor, lease=lease, message=issue["sentence"], due_in=PAUSE_SECONDS,
        details={"cause": issue.get("cause", ""), "application": issue.get("application", "")}, paused_from=promotion.state, issue=issue, claimed_by="", claimed_at=None,
    )  # fmt: skip


def end(
    promotion: Promotion, to: State, *, actor: audit.Author, message: str, lease: Lease | None = None, **facts: Any
) -> None:
    """Move to a terminal state, saying what is live (`live_revision`) and how sure that is (`confidence`).

    Nothing is sure where a request of ours landed late.
    """
    may_be_in_git = promotion.commit or promotion.intended_commit
    if promotion.rollouts.exclude(late_operation="").exists():
        facts["confidence"] = Confidence.UNKNOWN
    facts.setdefault("confidence", Confidence.UNKNOWN if may_be_in_git else Confidence.OBSERVED)
    facts.setdefault("git_revision", promotion.commit)
    move(promotion, to, actor=actor, message=message, lease=lease, is_after_commit=bool(promotion.commit), **facts)


def lane_holder(environment_id: int) -> Promotion | None:
    """The promotion that holds the environment's lane, if any."""
    return Promotion.objects.filter(environment=environment_id, state__in=IN_LANE).select_related("release").first()


def _lock_as_seen(promotion: Promotion, came_from: State, lease: Lease | None) -> None:
    now = Promotion.objects.select_for_update(of=("self",)).values("state", "fencing", "number").get(pk=promotion.pk)
    if lease is not None and now["fencing"] != lease.fencing:
        raise LeaseLost(f"Promotion {now['number']} was claimed again.")
    if now["state"] != came_from and lease is not None:
        raise LeaseLost(f"Promotion {now['number']} was moved by someone.")
    if now["state"] != came_from:
        raise StaleMove(
            promotion.pk,
            f"Promotion {now['number']} is {State(now['state']).label.lower()} by now.",
            "Look again before you act.",
            state=now["state"],
        )
    promotion.number = now["number"]


def _write(promotion: Promotion, to: State, fields: dict[str, Any]) -> None:
    promotion.state = to
    values: dict[str, Any] = {"state": to, "state_since": StatementTime(), "attempts": 0, **fields}
    if to == State.RENDERING and promotion.started_at is None:
        values["started_at"] = StatementTime()
    if to in TERMINAL:
        values["finished_at"] = StatementTime()
    if to != State.PAUSED and "issue" not in fields:
        values |= {"issue": None, "paused_from": ""}
    Promotion.objects.filter(pk=promotion.pk).update(**values)
    for name, value in fields.items():
        setattr(promotion, name, value)


def _schedule(promotion: Promotion, due_in: float | None) -> None:
    """A worker that holds the row keeps it; it finds the new state at its next write and gives the row back."""
    again = None if due_in is None else StatementTime() + timedelta(seconds=due_in)
    Promotion.objects.filter(pk=promotion.pk).update(next_run_at=again)
    if due_in == 0.0:
        doorbell.ring("advance_promotion", promotion.pk)


def _wake_queue(environment_id: int) -> None:
    """Outside of any transaction, row by row: whoever holds one of these rows may be waiting for the audit's head."""
    for pk in Promotion.objects.filter(environment=environment_id, state=State.QUEUED).values_list("pk", flat=True):
        wake(Promotion.objects.filter(pk=pk))
