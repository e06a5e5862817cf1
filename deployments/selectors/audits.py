"""Reading the audit log."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime

from django.db.models import QuerySet

from controlpanel.accounts.actors import Actor
from controlpanel.core.models import AuditEvent, AuditFollowed
from deployments.selectors.interface import audit_seen_by

NEWER_AT_MOST = 99
"""More newer entries than this are not counted."""


@dataclass(frozen=True, kw_only=True)
class Sought:
    """What the log is narrowed to; "" and None narrow nothing. `action` may be a family such as "promotion"; `since` is the first day,
    in the viewer's zone."""

    who: str = ""
    action: str = ""
    environment: str = ""
    since: date | None = None

    @property
    def named(self) -> list[str]:
        """The names of what narrows, in the order of the form."""
        return [one.name for one in fields(self) if getattr(self, one.name)]


@dataclass(frozen=True, kw_only=True)
class Chain:
    """How far the hash chain was followed last, and what came of it. `at` is None where nobody has followed it yet."""

    state: str
    """verified, broken or unverified."""
    sequence: int = 0
    hash: str = ""
    at: datetime | None = None
    broken: int | None = None

    @property
    def word(self) -> str:
        """What the badge says of a broken chain."""
        return f"Chain broken at entry {self.broken:,}" if self.broken else ""


def entries(actor: Actor, sought: Sought) -> QuerySet[AuditEvent]:
    """Entries that the actor may see."""
    rows = audit_seen_by(actor)
    if sought.who:
        rows = rows.filter(actor=sought.who)
    if sought.action:
        family = "." not in sought.action
        rows = rows.filter(action__startswith=f"{sought.action}.") if family else rows.filter(action=sought.action)
    if sought.since:
        rows = rows.filter(at__date__gte=sought.since)
    return rows.filter(environment=sought.environment) if sought.environment else rows


def newer(rows: QuerySet[AuditEvent], sequence: int) -> int:
    """How many of the rows came behind an entry, at most `NEWER_AT_MOST` + 1."""
    return rows.filter(sequence__gt=sequence)[: NEWER_AT_MOST + 1].count()


def chain() -> Chain:
    """What `watch` found when it followed the chain last."""
    row = AuditFollowed.objects.filter(id=1, at__isnull=False).first()
    if row is None:
        return Chain(state="unverified")
    state = "verified" if row.broken is None else "broken"
    return Chain(state=state, sequence=row.sequence, hash=row.hash, at=row.at, broken=row.broken)
