"""What follows a verification that failed: a person decides, or the environment's policy takes the way back.

Only what an answer said counts for the policy: where nobody answered, the fault may be ours, and a person looks.
"""

from __future__ import annotations

from collections.abc import Sequence

from controlpanel.core import audit, doorbell
from controlpanel.core.lease import StatementTime
from deployments import lifecycle
from deployments.choices import Kind, Proof, State
from deployments.models import AutomaticRollback, Evidence, Promotion, Verification
from deployments.selectors.rollbacks import success_before
from deployments.selectors.verifications import lost_in, named
from deployments.steps.base import Context, Outcome
from deployments.steps.proving import spec_of
from deployments.verifications import types

MOST_KEPT = 50
"""Failures that the event and the reason of the pause hold; all are with the promotion."""


def decide(context: Context, failed: Sequence[Verification]) -> Outcome:
    """Pause with what failed, or call the promotion off and have a worker ask for the way back."""
    promotion, lost = context.promotion, lost_in(failed)
    sentence = _sentence(promotion, failed, lost)
    target = _way_back(promotion, lost)
    with context.held():
        lifecycle.note(
            promotion, actor=audit.SYSTEM, action="verification_failed", message=sentence, details=_details(lost)
        )
        if target is not None:
            _call_off(context, target, sentence)
            return Outcome(again=0.0)
        lifecycle.pause(
            promotion, actor=audit.SYSTEM, lease=context.lease, issue=_issue(promotion, failed, lost, sentence)
        )
    return Outcome(again=lifecycle.PAUSE_SECONDS)


def _way_back(promotion: Promotion, lost: Sequence[Evidence]) -> Promotion | None:
    """What the policy goes back to; None where a person decides. A rollback is not rolled back, and the same files again
    would change nothing."""
    if spec_of(promotion).on_failure != "rollback" or promotion.kind == Kind.ROLLBACK:
        return None
    if not any(one.proof == Proof.FAILED for one in lost):
        return None
    target = success_before(promotion)
    return None if target is None or target.render_digest == promotion.render_digest else target


def _call_off(context: Context, target: Promotion, sentence: str) -> None:
    promotion = context.promotion
    row = AutomaticRollback.objects.create(
        promotion=promotion, target=target, next_run_at=StatementTime(),
        reason=f"By the policy of {promotion.environment.name}, as promotion {promotion.number} failed: {sentence}",
    )  # fmt: skip
    lifecycle.move(
        promotion, State.CANCELING, actor=audit.SYSTEM, lease=context.lease,
        message=f"{sentence} The policy of {promotion.environment.name} goes back to promotion {target.number}, {target.title}.",
    )  # fmt: skip
    doorbell.ring("roll_back_by_policy", row.pk)


def _sentence(promotion: Promotion, failed: Sequence[Verification], lost: Sequence[Evidence]) -> str:
    """Who failed what: “3 of 50 tenants failed Health: a, b, c.”"""
    said = []
    for row in failed:
        own = [one for one in lost if one.verification_id == row.pk]
        tenants = [one for one in own if one.subject]
        if not tenants:
            said.append(f"{row.title} failed for {promotion.environment.name}: {own[0].answer}." if own else "")
            continue
        total = row.evidence.exclude(subject="").count()
        verb = "failed" if any(one.proof == Proof.FAILED for one in tenants) else "could not be asked for"
        said.append(f"{len(tenants)} of {total} tenants {verb} {row.title}: {named(tenants)}.")
    return " ".join(filter(None, said))


def _issue(
    promotion: Promotion, failed: Sequence[Verification], lost: Sequence[Evidence], sentence: str
) -> dict[str, object]:
    is_known = any(one.proof == Proof.FAILED for one in lost)
    advice = [types[row.type].advice for row in failed if row.type in types]
    return {
        "cause": "verification_failed" if is_known else "verification_unanswered",
        "sentence": sentence,
        "effect": f"{promotion.environment.title} runs {promotion.title}; nothing is rolled back until you decide.",
        "advice": " ".join(dict.fromkeys(advice)),
        "raw": "\n\n".join(map(_told, lost[:MOST_KEPT])),
    }


def _told(one: Evidence) -> str:
    trace = f"\n  trace {one.trace_id}" if one.trace_id else ""
    what = f"{one.verification.title}, {one.subject or 'all tenants'}: failed {one.failures} of {one.samples} samples"
    return f"{what}\n  {one.request}\n  {one.answer}{trace}"


def _details(lost: Sequence[Evidence]) -> dict[str, object]:
    found: dict[str, list[str]] = {}
    for one in lost[:MOST_KEPT]:
        found.setdefault(one.verification.name, []).append(one.subject)
    return {"failed": found, "count": len(lost)}
