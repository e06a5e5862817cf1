"""The one place that writes an `AuditEvent`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db import connection

from controlpanel.core.models import AuditChain, AuditEvent

GENESIS = "0" * 64


class Author(Protocol):
    """Whoever acts: a person, a token or the system."""

    @property
    def name(self) -> str: ...
    @property
    def door(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class System:
    """The panel itself."""

    name: str = "panel"
    door: str = "system"
    details: dict[str, Any] = field(default_factory=dict)


SYSTEM = System()


def record(
    *,
    actor: Author,
    action: str,
    message: str = "",
    environment: str = "",
    target: str = "",
    promotion: uuid.UUID | None = None,
    details: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one event. Lock every row that the transaction will change *before* the first event: the chain's
    head stays locked until commit, and is the last lock that anyone takes."""
    return AuditEvent.objects.create(
        actor=actor.name,
        door=actor.door,
        action=action,
        message=message,
        environment=environment,
        target=target,
        promotion=promotion,
        details=details or {},
    )


def head() -> str:
    """The hash of the newest event (64 hexadecimal characters)."""
    return AuditChain.objects.values_list("hash", flat=True).first() or GENESIS


def first_broken() -> int | None:
    """The sequence of the first event that does not follow from the one before, or None for a whole chain."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_audit_first_broken()")
        row = cursor.fetchone()
    return None if row is None else row[0]
