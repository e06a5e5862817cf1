"""What a message says: a subject, the audit's own sentence, and where in the panel it is looked at."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from controlpanel.core.models import AuditEvent
from deployments.models import Promotion
from deployments.notifications.events import name_of, words_of

LONGEST_SUBJECT = 200


def payload_of(event: AuditEvent, promotion: Promotion | None) -> dict[str, Any]:
    """All that any channel needs, as it was when it happened: `subject`, `text`, `path` and facts."""
    name = name_of(event, promotion)
    return {
        "event": name, "subject": one_line(_subject(event, promotion, name))[:LONGEST_SUBJECT], "text": event.message,
        "path": _path(event), "sequence": event.sequence, "at": event.at.isoformat() if event.at else "", "actor": event.actor,
        "door": event.door, "environment": event.environment, "target": event.target, "promotion": _facts(promotion),
    }  # fmt: skip


def one_line(text: str) -> str:
    """Text without line breaks: a subject is a header."""
    return " ".join(text.split())


def _subject(event: AuditEvent, promotion: Promotion | None, name: str) -> str:
    if promotion is not None:
        return f"{promotion.title} to {promotion.environment.name}: {words_of(name)}"
    where = f" in {event.environment}" if event.environment else ""
    words = words_of(name)
    return f"{words[:1].upper()}{words[1:]}{where}{f': {event.target}' if event.target else ''}"


def _path(event: AuditEvent) -> str:
    if event.promotion:
        return f"/promotions/{event.promotion}"
    if event.action.startswith("tenant.") and event.target:
        place = f"?environment={quote(event.environment)}" if event.environment else ""
        return f"/tenants/{quote(event.target, safe='')}{place}"
    return f"/audit/{event.sequence}"


def _facts(promotion: Promotion | None) -> dict[str, Any] | None:
    if promotion is None:
        return None
    release = promotion.release.version if promotion.release else None
    return {"id": str(promotion.pk), "number": promotion.number, "kind": promotion.kind, "release": release}
