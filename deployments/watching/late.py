"""Operations that carry a promotion's mark and are not the one that counts.

A request that was held on its way for longer than the quarantine may land after another was sent, or after the
promotion ended. Nobody can prevent that without a precondition in Argo CD's API, so it is noticed and shown; the panel
does not fight it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

import structlog

from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.errors import ClientError
from controlpanel.core import audit
from controlpanel.core.lease import StatementTime
from deployments import lifecycle
from deployments.choices import TERMINAL
from deployments.models import Promotion, PromotionComponent
from deployments.watching.observations import Fence

log = structlog.get_logger(__name__)


def notice(argocd: ArgoCD, reads: Iterable[Read], fence: Fence) -> None:
    """Learn which operations count from what was read, and tell of others once a fresh read has confirmed them."""
    for rollout, read in list(_of_promotions(reads)):
        if _may_count(rollout, read):
            _learn(rollout, read, fence)
        elif _is_other(rollout, read):
            _confirm(argocd, rollout, fence)


def _of_promotions(reads: Iterable[Read]) -> Iterator[tuple[PromotionComponent, Read]]:
    """What was read, beside the rollout whose mark its operation carries."""
    marked = {
        (read.name, marker): read
        for read in reads
        if read.operation_started_at is not None and (marker := _identifier(read.operation_marker))
    }
    if not marked:
        return
    names, markers = {name for name, _ in marked}, {marker for _, marker in marked}
    rows = PromotionComponent.objects.filter(application__in=names, promotion__in=markers).select_related("promotion")
    for row in rows:
        read = marked.get((row.application, row.promotion_id))
        if read is not None:
            yield row, read


def _identifier(marker: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(marker)
    except ValueError:
        return None


def _began(read: Read) -> str:
    return str(read.operation_started_at)


def _is_other(rollout: PromotionComponent, read: Read) -> bool:
    """Neither the one that counts, nor one that was repeated by a person, nor one that was told of."""
    return _began(read) not in (rollout.accepted_operation, rollout.spent_operation, rollout.late_operation)


def _may_count(rollout: PromotionComponent, read: Read) -> bool:
    """The first one seen of an open promotion, at its commit and after the one that a person chose to repeat."""
    if rollout.accepted_operation or rollout.sync_intended_at is None or rollout.promotion.state in TERMINAL:
        return False
    return read.operation_revision == rollout.promotion.commit and _began(read) > rollout.spent_operation


def _learn(rollout: PromotionComponent, read: Read, fence: Fence) -> None:
    with fence():
        rows = PromotionComponent.objects.filter(pk=rollout.pk, accepted_operation="")
        rows.exclude(sync_intended_at=None).update(accepted_operation=_began(read))


def _confirm(argocd: ArgoCD, rollout: PromotionComponent, fence: Fence) -> None:
    """Only what Argo CD says now counts: events come late, twice and in any order."""
    promotion = Promotion.objects.select_related("environment").get(pk=rollout.promotion_id)
    try:
        read = argocd.get_application(rollout.application, promotion.environment.project)
    except ClientError as error:
        log.warning("late_operation_unconfirmed", application=rollout.application, error=str(error))
        return
    rollout = PromotionComponent.objects.select_related("promotion").get(pk=rollout.pk)
    is_marked = read.carries(str(promotion.pk)) and read.operation_started_at is not None
    if is_marked and not _may_count(rollout, read) and _is_other(rollout, read):
        _tell(promotion, rollout, read, fence)


def _tell(promotion: Promotion, rollout: PromotionComponent, read: Read, fence: Fence) -> None:
    began = _began(read)
    with fence():
        promotion = Promotion.objects.select_related("environment").select_for_update(of=("self",)).get(pk=promotion.pk)
        rows = PromotionComponent.objects.filter(pk=rollout.pk).exclude(late_operation=began)
        if rows.update(late_operation=began, late_at=StatementTime()):
            log.warning("late_operation", application=rollout.application, promotion=str(promotion.pk), began=began)
            lifecycle.note(
                promotion, actor=audit.SYSTEM, action="late_operation", message=_sentence(promotion, rollout, read),
                details={"application": rollout.application, "began": began, "revision": read.operation_revision},
            )  # fmt: skip


def _sentence(promotion: Promotion, rollout: PromotionComponent, read: Read) -> str:
    when = "after this promotion had ended" if promotion.state in TERMINAL else "beside the one that counts"
    return (
        f"A sync of {rollout.application} with this promotion's mark began at {read.operation_started_at:%H:%M:%S} UTC by Argo CD's"
        f" clock, {when}: a request was held on its way and landed late. It applied {read.operation_revision[:7] or 'an unknown commit'}."
    )
