"""Follows the audit's chain in portions: what is new at once, what is old again and again.

A page that would follow the whole chain itself would take longer with every event.
"""

from __future__ import annotations

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from controlpanel.core import audit
from controlpanel.core.models import AuditFollowed

log = structlog.get_logger(__name__)
EVERY_SECONDS = 20.0
PORTION = 2000
"""Old events that are followed again each time: a million within three hours."""


def follow() -> int:
    """Follow the chain from where the last call came to, up to its head, and one portion of what was followed before; returns how many
    events were followed. A chain that was broken is followed from its first event until it holds again."""
    AuditFollowed.objects.get_or_create(id=1)
    with transaction.atomic():
        row = AuditFollowed.objects.select_for_update(skip_locked=True).filter(id=1).first()
        if row is None:  # another `watch` does it
            return 0
        began = 0 if row.broken else row.sequence
        if row.broken:
            row.sequence, row.hash, row.again_sequence, row.again_hash = 0, audit.GENESIS, 0, audit.GENESIS
        was_broken = row.broken
        row.broken = _to_the_head(row) or _again(row)
        row.at = Now()
        row.save()
        if row.broken and not was_broken:
            _tell(row.broken)
    return max(0, row.sequence - began)


def _tell(broken: int) -> None:
    """Once, as an event of its own: it goes to whoever is to hear of it."""
    said = f"Entry {broken}, or one before it, was changed past the panel. Restore the audit from a backup and find out who may write to the database."
    try:
        with transaction.atomic():
            audit.record(actor=audit.SYSTEM, action="audit.broken", target=f"entry {broken}", message=said)
    except DatabaseError as error:  # a head that was moved takes no event any more
        log.error("audit_broken_untold", entry=broken, error=type(error).__name__)


def _to_the_head(row: AuditFollowed) -> int | None:
    """Follow what is new; returns the first event that does not fit."""
    while True:
        reached, known, broken = _portion(row.sequence, row.hash)
        if broken is not None:
            return broken
        is_head = reached - row.sequence < PORTION
        row.sequence, row.hash = reached, known
        if is_head:
            return None


def _again(row: AuditFollowed) -> int | None:
    """Follow the next portion of what was followed before; behind its end from the first event."""
    reached, known, broken = _portion(row.again_sequence, row.again_hash)
    is_end = reached - row.again_sequence < PORTION
    row.again_sequence, row.again_hash = (0, audit.GENESIS) if is_end else (reached, known)
    return broken


def _portion(place: int, known: str) -> tuple[int, str, int | None]:
    """Where a portion behind `place` ends, its hash, and the first event that does not follow."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reached, reached_hash, broken FROM core_audit_follow(%s, %s, %s)", [place, known, PORTION]
        )
        reached, reached_hash, broken = cursor.fetchone()
    return reached, reached_hash, broken
