"""The rounds of a verification: who is asked, what came of it, and when it has been asked often enough.

What is about to be asked is written down (`round_began_at`), then it is asked, then what came is kept with the place
reached: a crash between asks some tenants once more, under the same ids, and counts no sample twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from controlpanel.catalog.connections import NotConfigured
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.verification import CheckSpec, VerificationSpec
from controlpanel.core.crashpoints import crashpoint
from deployments import lifecycle
from deployments.choices import Check, Kind, Proof
from deployments.models import Evidence, Promotion, Verification
from deployments.steps.base import Context
from deployments.verifications import Asked, Sample, types
from tenants.selectors.serving import served_in

PORTION = 200
"""Tenants of one question to the hub: what came is kept before the next are asked."""
BEFORE = timedelta(seconds=30)
"""How long before its start a promotion cannot have changed anything yet."""
BAD = (Proof.FAILING, Proof.UNKNOWN)
VERIFIED_KINDS = (Kind.RELEASE, Kind.ROLLBACK)
"""Tenants' configuration is proved by the operators that read it; a tenant whose secret is missing is a finding there."""


def spec_of(promotion: Promotion) -> VerificationSpec:
    """What the catalog in force asks for in the promotion's environment; nothing where none is loaded."""
    known = current_document().environments if current_version() else ()
    return next((one.verification for one in known if one.name == promotion.environment.name), VerificationSpec())


def begin(context: Context) -> None:
    """Keep which checks are asked, as the catalog has them now; nothing where that was done before."""
    promotion, spec = context.promotion, spec_of(context.promotion)
    if promotion.kind not in VERIFIED_KINDS or not spec.checks or promotion.verifications.exists():
        return
    slugs = served_in(promotion.environment)
    observe = min(spec.observe_seconds, context.timings.observe_seconds)
    interval = spec.interval_seconds * (observe / spec.observe_seconds if spec.observe_seconds else 1.0)
    with context.held():
        for check in spec.checks:
            row = _row(promotion, spec, check, observe, interval)
            if types[check.type].is_by_tenant:
                Evidence.objects.bulk_create([Evidence(verification=row, subject=slug) for slug in slugs], 1000)
        lifecycle.publish(promotion)


def _row(
    promotion: Promotion, spec: VerificationSpec, check: CheckSpec, observe: float, interval: float
) -> Verification:
    return Verification.objects.create(
        promotion=promotion, name=check.name, type=check.type, title=check.title, parameters=dict(check.parameters),
        observe_seconds=observe, interval_seconds=interval, failure_limit=spec.failure_limit,
    )  # fmt: skip


def sample(context: Context, row: Verification) -> None:
    """Ask the next portion of a round and keep what came; the end of a round decides whether it is the last one."""
    _intend(context, row)
    subjects = _pending(row)
    crashpoint("verify.before_ask")
    context.guard()
    try:
        samples = list(types[row.type].look(_asked(context, row), subjects))
    except NotConfigured as error:
        crashpoint("verify.after_ask")
        _keep(context, row, state=Check.SKIPPED, note=str(error), finished_at=context.now())
        return
    crashpoint("verify.after_ask")
    with context.held():
        _record(row, samples, context)
        if not subjects or len(samples) == len(subjects) < PORTION:
            _end_of_round(context, row)
        lifecycle.publish(context.promotion)


def due(context: Context, rows: Iterable[Verification]) -> Verification | None:
    """The running check whose next round has come first."""
    waiting = [row for row in rows if row.state == Check.RUNNING and row.next_round_at <= context.now()]
    return min(waiting, key=lambda row: (row.rounds, row.next_round_at), default=None)


def _intend(context: Context, row: Verification) -> None:
    if row.round_began_at is None:
        _keep(context, row, round_began_at=context.now())


def _pending(row: Verification) -> list[str]:
    """Those of the round that were not asked yet; nobody for a question about all."""
    if not types[row.type].is_by_tenant:
        return []
    rows = row.evidence.filter(round__lte=row.rounds)
    if types[row.type].is_once:
        rows = rows.exclude(proof=Proof.PASSING)
    return list(rows.order_by("subject").values_list("subject", flat=True)[:PORTION])


def _asked(context: Context, row: Verification) -> Asked:
    promotion = context.promotion
    return Asked(
        environment=promotion.environment, promotion=promotion.pk, number=promotion.number, name=row.name, run=row.run,
        round=row.rounds + 1, began_at=row.began_at, before=(promotion.started_at or promotion.created_at) - BEFORE,
        parameters=row.parameters,
    )  # fmt: skip


def _record(row: Verification, samples: Sequence[Sample], context: Context) -> None:
    known = {one.subject: one for one in row.evidence.filter(subject__in=[sample.subject for sample in samples])}
    for one in samples:
        _count(known.setdefault(one.subject, Evidence(verification=row, subject=one.subject)), one, row, context)
    changed = ["proof", "round", "samples", "failures", "request", "answer", "trace_id", "at"]
    Evidence.objects.bulk_create(
        known.values(), 1000, update_conflicts=True, unique_fields=["verification", "subject"], update_fields=changed
    )


def _count(evidence: Evidence, sample: Sample, row: Verification, context: Context) -> None:
    """One sample more. The newest that failed stays to be seen."""
    is_bad = sample.proof in BAD
    evidence.round, evidence.samples = row.rounds + 1, evidence.samples + 1
    evidence.failures += is_bad
    evidence.proof = sample.proof
    if is_bad and evidence.failures > row.failure_limit:
        evidence.proof = Proof.FAILED if sample.proof == Proof.FAILING else Proof.UNKNOWN
    if is_bad or not evidence.failures:
        evidence.request, evidence.answer = sample.request[:500], sample.answer[:1000]
        evidence.trace_id, evidence.at = sample.trace_id, context.now()


def _end_of_round(context: Context, row: Verification) -> None:
    now = context.now()
    row.rounds, row.round_began_at = row.rounds + 1, None
    row.next_round_at = now + timedelta(seconds=row.interval_seconds)
    if row.evidence.filter(failures__gt=row.failure_limit).exists():
        row.state, row.finished_at = Check.FAILED, now
    elif _asked_enough(row, now):
        row.evidence.filter(proof=Proof.PASSING).update(proof=Proof.PASSED)
        row.state, row.finished_at = Check.PASSED, now
    row.save()


def _asked_enough(row: Verification, now: datetime) -> bool:
    """Long enough, and nobody's newest sample is a bad one; one sample is enough where the question says so, and where
    nobody is there to be asked."""
    if row.evidence.filter(proof__in=BAD, round=row.rounds).exists():
        return False
    if types[row.type].is_once or (now - row.began_at).total_seconds() >= row.observe_seconds:
        return True
    return types[row.type].is_by_tenant and not row.evidence.exists()


def _keep(context: Context, row: Verification, **values: object) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    with context.held():
        row.save()
        lifecycle.publish(context.promotion)
