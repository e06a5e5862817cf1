"""What a person decides of checks that failed: ask again, or go on without them. Called within the promotion's move."""

from __future__ import annotations

from controlpanel.core.lease import StatementTime
from deployments.choices import Check, Proof
from deployments.models import Evidence, Promotion, Verification
from deployments.selectors.verifications import lost_in, newest_runs


def checks_ask_again(promotion: Promotion) -> None:
    """A new run of each check that failed, for those who failed it; what passed stays proved, and the evidence stays."""
    for row in _failed(promotion):
        again = Verification.objects.create(
            promotion=promotion, name=row.name, run=row.run + 1, type=row.type, title=row.title, parameters=row.parameters,
            observe_seconds=row.observe_seconds, interval_seconds=row.interval_seconds, failure_limit=row.failure_limit,
        )  # fmt: skip
        lost = [Evidence(verification=again, subject=one.subject) for one in lost_in([row]) if one.subject]
        Evidence.objects.bulk_create(lost, 1000)


def checks_ignore(promotion: Promotion, *, by: str, reason: str) -> int:
    """Let what failed count as decided; returns how many checks that were."""
    rows = _failed(promotion)
    Evidence.objects.filter(pk__in=[one.pk for one in lost_in(rows)]).update(proof=Proof.IGNORED)
    return Verification.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=Check.IGNORED, ignored_by=by, ignored_reason=reason, finished_at=StatementTime()
    )


def _failed(promotion: Promotion) -> list[Verification]:
    return [row for row in newest_runs(promotion) if row.state == Check.FAILED]
