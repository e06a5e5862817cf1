"""How the panel itself is doing, out of our own rows: who leads, what lags, what waits, how Argo CD is heard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from controlpanel.clients.tokens import WARN_DAYS
from controlpanel.core.models import AuditEvent, Leader, OutboxMessage
from deployments.models import Observer
from deployments.selectors.measures import measures

LATE_SECONDS = 10.0
"""A row that is due for longer than this was found by nobody: `watch` looks every few seconds."""
MOST_DEAD = 10
KINDS = {
    "promotion": "Promotions",
    "preflight": "Previews",
    "message": "Messages",
    "inquiry": "Questions of pages",
    "instruction": "Instructions",
    "round": "Looks at tenants",
    "test-event": "Test events",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One fact: what, a word of the vocabulary `finding`, in words, and a time that ticks (or none)."""

    name: str
    level: str
    words: str
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Status:
    """What the page shows of our own rows."""

    leaders: tuple[Line, ...]
    queues: tuple[Line, ...]
    observers: tuple[Line, ...]
    outbox: tuple[Line, ...]
    dead: tuple[OutboxMessage, ...]
    entries: int


def status_of_panel() -> Status:
    """Read it in six queries, whatever the number of rows."""
    figures = {gauge.name: gauge.samples for gauge in measures()}
    due, outbox = figures["control_panel_due_lag_seconds"], figures["control_panel_outbox_messages"]
    now = timezone.now()
    dead = OutboxMessage.objects.filter(dead_at__isnull=False).order_by("-dead_at")[:MOST_DEAD]
    observers = [line for one in Observer.objects.order_by("server_from") for line in _observer(one, now)]
    return Status(
        leaders=tuple(_leader(one, now) for one in Leader.objects.order_by("duty")) or (_nobody(),),
        queues=tuple(_queue(kind, seconds) for kind, seconds in due.items()), observers=tuple(observers) or (_unheard(),),
        outbox=(_outbox(int(outbox["waiting"]), int(outbox["dead"])),), dead=tuple(dead),
        entries=AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True).first() or 0,
    )  # fmt: skip


def _leader(one: Leader, now: datetime) -> Line:
    if one.lease_until > now:
        return Line(
            name=one.duty, level="ok", words=f"{one.holder} leads; its lease ends, unless renewed,", at=one.lease_until
        )
    return Line(
        name=one.duty, level="fail", words=f"Nobody leads: {one.holder} was the last, until", at=one.lease_until
    )


def _nobody() -> Line:
    return Line(name="watch", level="fail", words="No `manage.py watch` has ever led: nothing is observed.")


def _unheard() -> Line:
    return Line(name="Argo CD", level="unknown", words="No Argo CD was ever heard.")


def _queue(kind: str, seconds: float) -> Line:
    name = KINDS.get(kind, kind)
    if seconds <= 0:
        return Line(name=name, level="ok", words="Nothing is overdue.")
    level = "ok" if seconds < LATE_SECONDS else "warn"
    return Line(name=name, level=level, words=f"The oldest due row waits for {seconds:.0f} s.")


def _observer(one: Observer, now: datetime) -> list[Line]:
    is_silent = one.heard_at is None or now - one.heard_at > timedelta(seconds=settings.TIMINGS.silence_seconds)
    stream = "the stream is open" if one.stream_is_open else "the stream is down, lists are read instead"
    heard = f"{stream}; last heard" if one.heard_at else "never heard"
    level = "fail" if is_silent else "ok" if one.stream_is_open else "warn"
    lines = [Line(name=one.server_from, level=level, words=" ".join(filter(None, (one.error, heard))), at=one.heard_at)]
    if one.token_expires_at is not None:
        is_near = one.token_expires_at < now + timedelta(days=WARN_DAYS)
        word = "expired" if one.token_expires_at < now else "expires"
        level = "fail" if word == "expired" else "warn" if is_near else "ok"
        lines.append(Line(name=one.token_from, level=level, words=f"The token {word}", at=one.token_expires_at))
    return lines


def _outbox(waiting: int, dead: int) -> Line:
    level = "warn" if dead else "ok"
    return Line(name="Outbox", level=level, words=f"{waiting} waiting, {dead} given up after a day.")


def worst(lines: Any) -> str:
    """The most pressing level of these lines."""
    levels = {line.level for line in lines}
    return next((level for level in ("fail", "unknown", "warn") if level in levels), "ok")
