"""Use cases of promotions: ask, abort, retry, claim, ignore. Page, API and command all come here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from controlpanel.accounts.actors import Actor
from controlpanel.core.errors import AbsentError, ConflictError, InvalidError
from controlpanel.core.lease import StatementTime
from controlpanel.core.permissions import Right
from deployments import lifecycle
from deployments.choices import RUNNING, WAITING, Confidence, Kind, Rollout, State
from deployments.models import Promotion
from deployments.selectors.approvals import policy_of
from deployments.services.asking import ask, checked_digest
from deployments.services.overriding import Override, checked_overrides
from deployments.services.preflights import find_environment, find_release, named_release
from deployments.services.verifications import checks_ask_again, checks_ignore
from deployments.services.wanted import Wanted

IGNORABLE = (State.ROLLING_OUT, State.VERIFYING)
"""Steps that can be left although not everything is proved."""


def promotion_request(
    *,
    actor: Actor,
    environment: str,
    release: str | None,
    reason: str = "",
    render_digest: str = "",
    components: Sequence[str] = (),
    kind: str = Kind.RELEASE,
    overrides: Sequence[Override] = (),
) -> Promotion:
    """Ask for a promotion of a release, or of the tenants' configuration (which names none).

    With a `render_digest` it is judged at once: `ConflictError` (409, with the gates) where the preview is stale or a
    gate blocks, recorded in the audit, and no promotion. Without one a worker renders and judges. The same request by
    the same actor while one is open returns that one.
    """
    place = find_environment(environment, actor=actor, right=Right.PROMOTION_REQUEST)
    _check(kind, components)
    named = named_release(kind, release)
    wanted = Wanted(
        actor=actor,
        environment=place,
        release=find_release(named) if named else None,
        components=sorted(set(components)),
        overrides=checked_overrides(actor, place, kind, overrides),
        reason=reason.strip(),
        render_digest=checked_digest(render_digest),
    )
    return ask(wanted)


def promotion_abort(*, actor: Actor, promotion: Promotion, reason: str = "") -> Promotion:
    """Stop a promotion; nothing that is live is rolled back. Raises `ConflictError` where it has ended or is ending."""
    actor.require(Right.PROMOTION_ABORT, promotion.environment.name)
    said = f" {reason.strip()}" if reason.strip() else ""
    if promotion.state in WAITING:
        lifecycle.end(
            promotion,
            State.CANCELED,
            actor=actor,
            message=f"Aborted before it started.{said}",
            confidence=Confidence.OBSERVED,
        )
    elif promotion.state in (*RUNNING, State.PAUSED):
        lifecycle.move(promotion, State.CANCELING, actor=actor, message=f"Abort asked for.{said}")
    else:
        raise lifecycle.StaleMove(
            promotion.pk,
            f"Promotion {promotion.number} is {promotion.get_state_display().lower()}.",
            "There is nothing left to abort.",
        )
    return promotion


def promotion_retry(*, actor: Actor, promotion: Promotion) -> Promotion:
    """Resume the step at which it paused; where it renders differently by now, with the approvals that this needs anew.

    Raises `ConflictError` where it is not paused.
    """
    actor.require(Right.PROMOTION_RETRY, promotion.environment.name)
    _require_paused(promotion, "retry")
    step, issue = State(promotion.paused_from), promotion.issue or {}
    if issue.get("cause") == "digest_changed" and policy_of(promotion.environment) is not None:
        said = "Rendered anew: people are asked about what would be committed now."
        lifecycle.move(promotion, State.AWAITING_APPROVAL, actor=actor, message=said, preflight=None, note="Rendering")
        return promotion
    with transaction.atomic():
        accepted = {"accepted_base": issue["base"]} if issue.get("base") else {}
        lifecycle.move(
            promotion, step, actor=actor, message=f"Retry of {step.label.lower()}.", details={"retry": True}, **accepted
        )
        _reset_rollouts(promotion, send_again=bool(issue.get("send_again")), spent=issue.get("operation", ""))
        if step == State.VERIFYING:
            checks_ask_again(promotion)
    return promotion


def promotion_ignore(*, actor: Actor, promotion: Promotion, reason: str) -> Promotion:
    """Go on although a component of the wave is not proved, or a check has failed; the others are still followed.

    Raises `InvalidError` without a reason of 10 characters.
    """
    actor.require(Right.PROMOTION_IGNORE, promotion.environment.name)
    _require_paused(promotion, "ignore")
    if len(reason.strip()) < 10:
        raise InvalidError(
            "Ignoring needs a reason of at least 10 characters.", "Say why going on is right.", field="reason"
        )
    step = State(promotion.paused_from)
    if step not in IGNORABLE:
        raise ConflictError(
            "Only a rollout that is not healthy or a check that failed can be ignored.",
            "Retry the step or abort the promotion.",
        )
    with transaction.atomic():
        lifecycle.move(promotion, step, actor=actor, message=f"Ignored: {reason.strip()}", details={"ignored": True})
        ignore = checks_ignore if step == State.VERIFYING else _ignore_stuck
        if not ignore(promotion, by=actor.name, reason=reason.strip()):
            raise ConflictError("Nothing has failed here that could be ignored.", "Retry the step or abort.")
    return promotion


@transaction.atomic
def promotion_claim(*, actor: Actor, promotion: Promotion) -> Promotion:
    """Take the decision on a paused promotion upon oneself."""
    actor.require(Right.PROMOTION_CLAIM, promotion.environment.name)
    _require_paused(promotion, "claim")
    still_paused = Promotion.objects.filter(pk=promotion.pk, state=State.PAUSED)
    if not still_paused.update(claimed_by=actor.name, claimed_at=StatementTime()):
        sentence = f"Promotion {promotion.number} is not paused any more."
        raise lifecycle.StaleMove(promotion.pk, sentence, "Look again before you act.")
    lifecycle.note(promotion, actor=actor, action="claimed", message=f"{actor.name} is on it.")
    promotion.refresh_from_db()
    return promotion


def find_promotion(identifier: str, *, actor: Actor) -> Promotion:
    """A promotion by id or number. Raises `AbsentError` where it is absent or not the actor's to see."""
    match = Q(number=int(identifier)) if identifier.isdecimal() and len(identifier) < 19 else Q(pk=identifier)
    try:
        found = (
            Promotion.objects.select_related("environment", "release", "requester", "preflight", "restores")
            .filter(match)
            .first()
        )
    except ValidationError:  # neither a number nor a UUID
        found = None
    if found is None or not actor.may(Right.VIEW, found.environment.name):
        raise AbsentError(
            f"There is no promotion {identifier}, or it is not yours to see.", "See GET /api/v1/promotions."
        )
    return found


def _check(kind: str, components: Sequence[str]) -> None:
    if kind == Kind.ROLLBACK:
        raise InvalidError(
            "A rollback names the promotion to go back to.",
            "POST /api/v1/promotions/{id}/rollback, where {id} is that promotion.",
            field="kind",
        )
    if kind not in Kind.values:
        raise InvalidError(f"There is no kind {kind}.", f"Choose from {', '.join(Kind.values)}.", field="kind")
    if kind == Kind.TENANT_CONFIG and components:
        raise InvalidError("Tenants' configuration has no components.", "Leave out `components`.", field="components")


def _require_paused(promotion: Promotion, act: str) -> None:
    if promotion.state != State.PAUSED:
        raise lifecycle.StaleMove(
            promotion.pk,
            f"Promotion {promotion.number} is {promotion.get_state_display().lower()}, not paused.",
            f"There is nothing to {act}.",
        )


def _ignore_stuck(promotion: Promotion, *, by: str, reason: str) -> int:
    """Let the components that are stuck count as done; the reason stands in the move's event."""
    stuck = promotion.rollouts.filter(wave=promotion.wave, state=Rollout.STUCK)
    ignored = stuck.update(
        state=Rollout.DONE, is_ignored=True, finished_at=StatementTime(), message=f"Ignored by {by}."
    )
    _reset_rollouts(promotion, send_again=False, spent="")
    return ignored


def _reset_rollouts(promotion: Promotion, *, send_again: bool, spent: str) -> None:
    """Give what is not proved its time anew; send a new operation only where the last one failed."""
    open_rollouts = promotion.rollouts.filter(wave=promotion.wave).exclude(state=Rollout.DONE)
    fresh: dict[str, Any] = {
        "started_at": StatementTime(),
        "bad_since": None,
        "stuck_since": None,
        "good_since": None,
        "read_at": None,
        "next_tree_at": None,
        "tree_reads": 0,
        "message": "",
    }
    if send_again:
        stuck = open_rollouts.filter(state=Rollout.STUCK)
        stuck.update(
            sync_intended_at=None,
            quarantine_until=None,
            accepted_operation="",
            spent_operation=spent,
            **{**fresh, "state": Rollout.WAITING},
        )
    followed = open_rollouts.filter(state__in=(Rollout.STUCK, Rollout.ROLLING_OUT))
    followed.update(**{**fresh, "state": Rollout.ROLLING_OUT})
