"""Use cases of approvals: approve, reject. Page and API come here."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError, InvalidError, RefusedError, UserError
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right
from deployments import lifecycle
from deployments.choices import Decision, State
from deployments.gates.approvals import missing_words
from deployments.models import Approval, Promotion
from deployments.selectors.approvals import Policy, Word, enough, may_decide, policy_of, unconfirmed, words_of

MOST = 2000
CONFIRM_WITHIN = timedelta(hours=24)
UNCONFIRMED = "promotion.emergency_unconfirmed"


def promotion_approve(*, actor: Actor, promotion: Promotion, comment: str = "", render_digest: str = "") -> Promotion:
    """Say yes to exactly this digest; with the last yes that is asked for, it goes on to the queue.

    `render_digest` is what was looked at ("" trusts the row). Raises `RefusedError` for whoever may not, and
    `ConflictError` where nothing is awaited, the person has decided already, or the digest is another by now. A refusal is
    recorded.
    """
    return _decide(actor, promotion, Decision.APPROVE, comment.strip()[:MOST], render_digest)


def promotion_reject(*, actor: Actor, promotion: Promotion, comment: str, render_digest: str = "") -> Promotion:
    """Say no, which ends it. Raises as `promotion_approve`, and `InvalidError` without a comment."""
    if not comment.strip():
        raise InvalidError("Rejecting needs a comment.", "Say what would have to be different.", field="comment")
    return _decide(actor, promotion, Decision.REJECT, comment.strip()[:MOST], render_digest)


def emergency_confirm(*, actor: Actor, promotion: Promotion, comment: str = "", render_digest: str = "") -> Promotion:
    """A second person has looked at an emergency, at most once for each person; it stops nothing any more.

    Raises `RefusedError` for whoever asked for it, may not approve there or not through this door, `ConflictError` where it
    is no emergency, renders still, or has another digest than was looked at.
    """
    actor.require(Right.PROMOTION_APPROVE, promotion.environment.name)
    if not promotion.is_emergency:
        raise ConflictError(f"Promotion {promotion.number} is no emergency.", "There is nothing to confirm.")
    if refused := why_not_confirm(actor, promotion, policy_of(promotion.environment) or Policy()):
        raise RefusedError(refused, "An emergency is confirmed by a second person who may approve there.")
    assert actor.user is not None
    with transaction.atomic():
        row = Promotion.objects.select_related("environment").select_for_update(of=("self",)).get(pk=promotion.pk)
        if not row.render_digest:
            raise ConflictError("It is being rendered: there is nothing to look at yet.", "Look again in a moment.")
        if (stale := _stale(row, render_digest)) is not None:
            raise stale
        if not row.approvals.filter(person=actor.user, voided_at__isnull=True).exists():
            Approval.objects.create(
                promotion=row, person=actor.user, token=actor.token, decision=Decision.APPROVE, digest=row.render_digest,
                comment=comment.strip()[:MOST], door=actor.door,
            )  # fmt: skip
            said = f"Confirmed as an emergency by {actor.user}. {comment.strip()}".rstrip()
            lifecycle.note(row, actor=actor, action="emergency_confirmed", message=said)
    return row


def emergencies_remind() -> int:
    """Tell once of each emergency that no second person has confirmed within a day. Returns how many were told of."""
    names = list(Environment.objects.values_list("name", flat=True))
    late = [row for row in unconfirmed(names) if row.created_at <= timezone.now() - CONFIRM_WITHIN]
    told = AuditEvent.objects.filter(promotion__in=[row.pk for row in late], action=UNCONFIRMED)
    known = set(told.values_list("promotion", flat=True))
    return sum(_remind(row) for row in late if row.pk not in known)


def _remind(row: Promotion) -> bool:
    """Every `watch` comes here: whoever holds the row looks again before it tells."""
    with transaction.atomic():
        held = Promotion.objects.select_for_update(skip_locked=True).filter(pk=row.pk).exists()
        if not held or AuditEvent.objects.filter(promotion=row.pk, action=UNCONFIRMED).exists():
            return False
        said = f"Nobody has confirmed this emergency of {row.requested_by} within 24 hours: {row.reason}"
        lifecycle.note(row, actor=audit.SYSTEM, action="emergency_unconfirmed", message=said)
    return True


def why_not(actor: Actor, promotion: Promotion, policy: Policy, words: list[Word]) -> str:
    """Why this actor cannot decide on it now, in one sentence; "" where they can."""
    if promotion.state != State.AWAITING_APPROVAL:
        return f"Promotion {promotion.number} is {promotion.get_state_display().lower()}: no approval is awaited."
    if refused := why_not_confirm(actor, promotion, policy):
        return refused
    if any(word.approval.person_id == actor.user.pk and word.counts for word in words if actor.user):
        return "You have approved it already."
    return ""


def why_not_confirm(actor: Actor, promotion: Promotion, policy: Policy) -> str:
    """Why this actor is no second person, whatever the promotion's state: who they are, and the door they come through."""
    place = promotion.environment.name
    if actor.user is None:
        return "An approval needs a person; this acts for nobody."
    if actor.user.pk == promotion.requester_id:
        return "You asked for this promotion yourself: someone other than you must approve."
    if actor.user.pk == promotion.token_maker_id:
        return "You made the token that asked for this promotion: someone other than you must approve."
    if actor.token is not None and not policy.over_api:
        return f"{place} takes approvals on its pages only."
    if not actor.may(Right.PROMOTION_APPROVE, place) or not may_decide(actor.bindings, policy, place):
        return f"It needs the role {policy.whose} in {place}."
    return ""


def _decide(actor: Actor, promotion: Promotion, decision: Decision, comment: str, digest: str) -> Promotion:
    actor.require(Right.PROMOTION_APPROVE, promotion.environment.name)
    with transaction.atomic():
        related = ("environment", "release", "requester")
        row = Promotion.objects.select_related(*related).select_for_update(of=("self",)).get(pk=promotion.pk)
        policy = policy_of(row.environment) or Policy()
        words = words_of(row, policy)
        refusal = _refusal(actor, row, policy, words, digest)
        if refusal is None:
            _write(actor, row, policy, words, decision, comment)
        else:
            refused = "approve_refused" if decision == Decision.APPROVE else "reject_refused"
            lifecycle.note(row, actor=actor, action=refused, message=refusal.sentence)
    if refusal is not None:
        raise refusal
    return row


def _refusal(actor: Actor, row: Promotion, policy: Policy, words: list[Word], digest: str) -> UserError | None:
    said = why_not(actor, row, policy, words)
    if said and row.state != State.AWAITING_APPROVAL:
        return ConflictError(said, "Look at the promotion again.")
    if said:
        return RefusedError(said)
    return _stale(row, digest)


def _stale(row: Promotion, digest: str) -> ConflictError | None:
    """Where something else was looked at than would be committed; "" trusts the row."""
    if digest and digest != row.render_digest:
        return ConflictError(
            f"It renders to {row.render_digest[:4]}…{row.render_digest[-4:]} by now, not to what you looked at.",
            "Look at the new diff, then decide.", stale=True,
        )  # fmt: skip
    return None


def _write(actor: Actor, row: Promotion, policy: Policy, words: list[Word], decision: Decision, comment: str) -> None:
    own = Approval.objects.filter(promotion=row, person=actor.user, voided_at__isnull=True)
    own.update(voided_at=StatementTime(), voided_because="The same person decided anew.")
    assert actor.user is not None
    Approval.objects.create(
        promotion=row, person=actor.user, token=actor.token, decision=decision, digest=row.render_digest, comment=comment,
        door=actor.door,
    )  # fmt: skip
    said = f" {comment}" if comment else ""
    short = f"{row.render_digest[:4]}…{row.render_digest[-4:]}"
    details = {"digest": row.render_digest, "comment": comment}
    if decision == Decision.REJECT:
        lifecycle.end(row, State.REJECTED, actor=actor, message=f"Rejected by {actor.user}.{said}", details=details)
        return
    lifecycle.note(row, actor=actor, action="approved", message=f"Approved for {short}.{said}", details=details)
    words = words_of(row, policy)
    if enough(words, policy):
        lifecycle.move(row, State.QUEUED, actor=audit.SYSTEM, message="Approved; waits for the lane.", note="")
    else:
        note = missing_words(policy, sum(word.counts for word in words))
        Promotion.objects.filter(pk=row.pk).update(note=note)
