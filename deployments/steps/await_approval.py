"""awaiting_approval: until enough people have said yes to what would be committed, or nobody did in time."""

from __future__ import annotations

from controlpanel.core import audit
from controlpanel.core.lease import StatementTime
from deployments import gates, lifecycle
from deployments.choices import Confidence, Kind, PreflightState, State
from deployments.gates.approvals import missing_words
from deployments.models import Approval, Preflight, Promotion
from deployments.selectors.approvals import asks_nobody, enough, policy_of, words_of
from deployments.selectors.preflights import what_moved
from deployments.steps.base import Context, Outcome, move_to, wait
from deployments.steps.judge import render_preview


def run(context: Context) -> Outcome:
    """Queue what is approved, end `expired` what nobody decided on; render anew what has lost its preview."""
    promotion = context.promotion
    if promotion.preflight is None or promotion.preflight.render_digest != promotion.render_digest:
        return _judged_anew(context)
    with context.held():
        if holds(promotion):
            lifecycle.move(
                promotion, State.QUEUED, actor=audit.SYSTEM, lease=context.lease, message="Waits for the lane.", note=""
            )
            return Outcome(again=0.0)
    policy = policy_of(promotion.environment)
    assert policy is not None  # without one it holds
    left = policy.expires.total_seconds() - (context.now() - promotion.state_since).total_seconds()
    if left > 0:
        given = sum(word.counts for word in words_of(promotion, policy))
        return wait(left, missing_words(policy, given))
    said = f"Nobody decided for {policy.expires.total_seconds() / 3600:.0f} hours. Ask again when it is wanted."
    return move_to(State.EXPIRED, said, confidence=Confidence.OBSERVED)


def holds(promotion: Promotion) -> bool:
    """Whether it may start as far as people are concerned. In a transaction in which the promotion is locked: whoever
    approved keeps the right until it ends."""
    policy = policy_of(promotion.environment)
    if policy is None or asks_nobody(promotion):
        return True
    return enough(words_of(promotion, policy, locked=True), policy)


def again(context: Context) -> Outcome:
    """An approval no longer holds: it is void, and people are asked once more."""
    promotion = context.promotion
    policy = policy_of(promotion.environment)
    words = words_of(promotion, policy) if policy else []
    lost = [word for word in words if word.why_not and word.approval.voided_at is None]
    with context.held():
        for word in lost:
            rows = Approval.objects.filter(pk=word.approval.pk, voided_at__isnull=True)
            rows.update(voided_at=StatementTime(), voided_because=word.why_not)
    why = f" {lost[-1].why_not}" if lost else ""
    return move_to(State.AWAITING_APPROVAL, f"Its approvals no longer hold.{why}")


def digest_changed(promotion: Promotion, preview: Preflight, moved: str) -> None:
    """Take the new digest and void every word on the old one, saying what changed. In a transaction that holds the row."""
    old, new = (f"{one[:4]}…{one[-4:]}" for one in (promotion.render_digest, preview.render_digest))
    what = f" What changed: {moved}." if moved else ""
    because = f"It was of {old}; now {new} would be committed.{what}"
    Promotion.objects.filter(pk=promotion.pk).update(render_digest=preview.render_digest, preflight=preview)
    standing = Approval.objects.filter(promotion=promotion, voided_at__isnull=True)
    count = standing.update(voided_at=StatementTime(), voided_because=because)
    promotion.render_digest, promotion.preflight = preview.render_digest, preview
    said = f"Renders differently now: {count} approval{'s' if count != 1 else ''} voided. {because}"
    lifecycle.note(promotion, actor=audit.SYSTEM, action="approvals_voided", message=said, details={"moved": moved})


def _judged_anew(context: Context) -> Outcome:
    promotion = context.promotion
    preview = promotion.preflight or render_preview(context)
    if preview.state == PreflightState.RENDERING:
        return wait(2.0, "Rendering")
    if preview.state == PreflightState.FAILED:
        said = f"{preview.error} {preview.remedy}".strip()
        return move_to(State.REJECTED, said, confidence=Confidence.OBSERVED)
    seen = Preflight.objects.filter(render_digest=promotion.render_digest, environment=promotion.environment)
    moved = what_moved(seen.order_by("-created_at").first(), preview)
    with context.held():
        digest_changed(promotion, preview, moved)
    answers = gates.for_target(
        release=promotion.release, environment=promotion.environment, preflight=preview, promotion=promotion,
        kind=Kind(promotion.kind),
    )  # fmt: skip
    with context.held():
        lifecycle.remember(promotion, answers, asked="request")
    blocking = next((answer for answer in answers if answer.blocks), None)
    if blocking is not None:
        return move_to(State.REJECTED, f"Blocked: {blocking.reason}", confidence=Confidence.OBSERVED)
    return wait(0.0)
