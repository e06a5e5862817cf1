"""Reading the audit log."""

from __future__ import annotations

from django.db.models import QuerySet

from controlpanel.accounts.actors import Actor
from controlpanel.core.models import AuditEvent
from deployments.selectors.interface import audit_seen_by


def entries(actor: Actor, *, who: str = "", action: str = "", environment: str = "") -> QuerySet[AuditEvent]:
    """Entries that the actor may see. `action` may be a family such as "promotion"."""
    rows = audit_seen_by(actor)
    if who:
        rows = rows.filter(actor=who)
    if action:
        rows = rows.filter(action__startswith=f"{action}.") if "." not in action else rows.filter(action=action)
    return rows.filter(environment=environment) if environment else rows
