"""The audit log as a file: CSV for spreadsheets, JSON Lines for programs; oldest first, in portions, however long it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from controlpanel.core import spreadsheets
from controlpanel.core.models import AuditEvent

Format = Literal["csv", "jsonl"]
PORTION = 500
COLUMNS = (
    "sequence", "at", "actor", "door", "action", "environment", "target", "message", "promotion", "details", "previous_hash", "hash",
)  # fmt: skip
CONTENT_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


def exported(rows: QuerySet[AuditEvent], form: Format) -> Iterator[bytes]:
    """The rows as bytes, a portion at a time: no cursor and no transaction stays open between two."""
    if form == "csv":
        yield spreadsheets.line(COLUMNS).encode()
    write = _WRITERS[form]
    for portion in _portions(rows):
        yield "".join(map(write, portion)).encode()


def _portions(rows: QuerySet[AuditEvent]) -> Iterator[Sequence[dict[str, Any]]]:
    last = 0
    while True:
        portion = list(rows.filter(sequence__gt=last).order_by("sequence").values(*COLUMNS)[:PORTION])
        if portion:
            yield portion
        if len(portion) < PORTION:
            return
        last = portion[-1]["sequence"]


def _csv(row: dict[str, Any]) -> str:
    details = json.dumps(row["details"], cls=DjangoJSONEncoder, ensure_ascii=False, sort_keys=True)
    shown = {**row, "at": row["at"].isoformat(), "promotion": row["promotion"] or "", "details": details}
    return spreadsheets.line(str(shown[name]) for name in COLUMNS)


def _jsonl(row: dict[str, Any]) -> str:
    return json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"


_WRITERS: dict[Format, Callable[[dict[str, Any]], str]] = {"csv": _csv, "jsonl": _jsonl}
