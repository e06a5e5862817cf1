"""Use case of the panel itself: the rollback that an environment's policy takes after a failed verification."""

from __future__ import annotations

from typing import Any

import structlog

from controlpanel.accounts.actors import Actor
from controlpanel.core import audit, lease
from controlpanel.core.errors import UserError
from controlpanel.core.lease import Lease, StatementTime
from deployments import lifecycle
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
        made = promotion_rollback(actor=POLICY, target=row.target, reason=row.reason, tenants="keep")
    except UserError as error:  # such as something promoted over it meanwhile: a person has to look
        _finish(row, held, f"The rollback by policy could not be asked for: {error}", error=str(error))
    else:
        _finish(row, held, f"Promotion {made.number} goes back to {made.title}, by policy.", rollback=made)
    return None


def _finish(row: AutomaticRollback, held: Lease, message: str, **values: Any) -> None:
    action = "rollback_refused" if "error" in values else "rolled_back_by_policy"
    log.info(action, promotion=str(row.promotion_id))
    with lease.held(row, held):
        promotion = Promotion.objects.select_related("environment").get(pk=row.promotion_id)
        AutomaticRollback.objects.filter(pk=row.pk).update(finished_at=StatementTime(), **values)
        lifecycle.note(promotion, actor=audit.SYSTEM, action=action, message=message)
