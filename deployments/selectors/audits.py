"""Reading the audit log."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.core.errors import AbsentError
from controlpanel.core.models import AUDIT_LANGUAGE, AUDIT_WORDS, AuditEvent, AuditFollowed
from deployments.selectors.interface import audit_seen_by

NEWER_AT_MOST = 99
"""More newer entries than this are not counted."""


@dataclass(frozen=True, kw_only=True)
class Sought:
    """What the log is narrowed to; "" and None narrow nothing. `text` is words of its subject and
    sentence, quoted or with a minus as in a search engine; `action` may be a family such as "promotion"; `since` and `until` are
    the first and the last day, in the viewer's zone."""

    text: str = ""
    who: str = ""
    action: str = ""
    environment: str = ""
    target: str = ""
    door: str = ""
    since: date | None = None
    until: date | None = None
    promotion: uuid.UUID | None = None

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


class Change(NamedTuple):
    """One thing that an entry tells: what it was before and after, or what it is (`before` is None)."""

    name: str
    before: str | None
    after: str


def entries(actor: Actor, sought: Sought) -> QuerySet[AuditEvent]:
    """Entries that the actor may see."""
    exact = {
        "actor": sought.who,
        "environment": sought.environment,
        "target": sought.target,
        "door": sought.door,
        "promotion": sought.promotion,
    }
    rows = audit_seen_by(actor).filter(**{name: value for name, value in exact.items() if value})
    if sought.action:
        rows = rows.filter(Q(action=sought.action) | Q(action__startswith=f"{sought.action}."))
    if sought.text:
        words = SearchQuery(sought.text, config=AUDIT_LANGUAGE, search_type="websearch")
        rows = rows.alias(words=AUDIT_WORDS).filter(words=words)
    if sought.since:
        rows = rows.filter(at__gte=_start(sought.since))
    return (
        rows.filter(at__lt=_start(sought.until + timedelta(days=1)))
        if sought.until and sought.until < date.max
        else rows
    )


def entry(actor: Actor, sequence: int) -> AuditEvent:
    """One entry. Raises `AbsentError` where it is absent or not the actor's to see."""
    found = audit_seen_by(actor).filter(sequence=sequence).first()
    if found is None:
        raise AbsentError(f"There is no entry {sequence}, or it is not yours to see.", "See the audit log.")
    return found


def hash_fits(row: AuditEvent) -> bool:
    """Whether the entry's hash is that of what it says, computed anew where it lies."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hash = encode(sha256(convert_to(core_audit_text(event), 'UTF8')), 'hex') FROM core_auditevent event WHERE sequence = %s",
            [row.sequence],
        )
        found = cursor.fetchone()
    return bool(found and found[0])


def changes(row: AuditEvent) -> list[Change]:
    """What the entry tells besides its sentence."""
    return list(_changes(row.details))


def _changes(details: dict[str, Any]) -> Iterator[Change]:
    if details.keys() >= {"from", "to"}:
        yield Change("state", _text(details["from"]), _text(details["to"]))
    for name, value in details.items():
        if isinstance(value, dict) and value.keys() == {"from", "to"}:
            yield Change(name, _text(value["from"]), _text(value["to"]))
        elif name not in ("from", "to"):
            yield Change(name, None, _text(value))


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


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


def _start(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
