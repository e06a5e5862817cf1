"""Use case of the panel itself: the rollback that an environment's policy takes after a failed verification."""

from __future__ import annotations

from typing import Any

import structlog

from controlpanel.accounts.actors import Actor
from controlpanel.core import audit, lease
from controlpanel.core.errors import ConflictError, UserError
from controlpanel.core.lease import Lease, StatementTime
from deployments import lifecycle
from deployments.choices import Kind
from deployments.models import AutomaticRollback, Promotion
from deployments.services.rollbacks import promotion_rollback

log = structlog.get_logger(__name__)
POLICY = Actor(name="panel", door="policy", is_system=True)
"""Who asks: a rollback through this door passes approvals and freezes."""


def rollback_by_policy(pk: Any) -> bool:
    """Ask for one due rollback (called by a worker or by `watch`); False where another process has it."""
    return lease.run_claimed(AutomaticRollback, pk, _ask)


def _ask(row: AutomaticRollback, held: Lease) -> float | None:
    """The same rollback that is still open is found again, so asking twice makes one."""
    if row.finished_at is not None:
        return None
    related = ("promotion__environment", "promotion__release", "target__environment", "target__release")
    row = AutomaticRollback.objects.select_related(*related).get(pk=row.pk)
    try:
        _require_nothing_newer(row)
        made = promotion_rollback(actor=POLICY, target=row.target, reason=row.reason, tenants="keep")
    except UserError as error:  # a person has to look
        _finish(row, held, f"The rollback by policy could not be asked for: {error}", error=str(error))
    else:
        _finish(row, held, f"Promotion {made.number} goes back to {made.title}, by policy.", rollback=made)
    return None


def _require_nothing_newer(row: AutomaticRollback) -> None:
    """What failed is no longer what is live once something was committed over it: going back would undo what is good. The
    tenants' part is kept by such a rollback, so their configuration does not count. Raises `ConflictError`."""
    failed = row.promotion
    assert failed.committed_at, "what was verified was committed"
    later = Promotion.objects.filter(environment=failed.environment, committed_at__gt=failed.committed_at)
    newer = later.exclude(kind=Kind.TENANT_CONFIG).order_by("committed_at").first()
    if newer is not None:
        said = f"Promotion {newer.number} was committed over promotion {failed.number} meanwhile."
        raise ConflictError(said, "Look at what is live there, then decide.")


def _finish(row: AutomaticRollback, held: Lease, message: str, **values: Any) -> None:
    action = "rollback_refused" if "error" in values else "rolled_back_by_policy"
    log.info(action, promotion=str(row.promotion_id))
    with lease.held(row, held):
        promotion = Promotion.objects.select_related("environment").get(pk=row.promotion_id)
        AutomaticRollback.objects.filter(pk=row.pk).update(finished_at=StatementTime(), **values)
        lifecycle.note(promotion, actor=audit.SYSTEM, action=action, message=message)
