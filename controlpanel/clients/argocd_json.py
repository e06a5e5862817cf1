"""Reading JSON in which anything may be absent or null: absent text is "", an absent time None, an absent list empty."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controlpanel.clients.credentials_in_text import without_credentials

Json = Mapping[str, Any]
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def mapping(document: Json, key: str) -> Json:
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


def mappings(document: Json, key: str) -> tuple[Json, ...]:
    value = document.get(key)
    return tuple(entry for entry in value if isinstance(entry, Mapping)) if isinstance(value, list) else ()


def strings(document: Json, key: str) -> tuple[str, ...]:
    value = document.get(key)
    return tuple(storable(entry) for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def text(document: Json, key: str) -> str:
    value = document.get(key)
    return storable(value) if isinstance(value, str) else ""


def storable(said: str) -> str:
    """Text without what PostgreSQL cannot hold: a container's last words, which Kubernetes hands on, may be any bytes."""
    return _NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", said)


def message(document: Json, key: str = "message") -> str:
    """What something said, as it may be kept and shown: tools repeat addresses with their passwords."""
    return without_credentials(text(document, key))


def integer(document: Json, key: str) -> int:
    value = document.get(key)
    try:
        return int(value) if isinstance(value, int | str) else 0
    except ValueError:
        return 0


def moment(document: Json, key: str) -> datetime | None:
    """An RFC 3339 time, always with a zone; None when absent, null, zero or unreadable."""
    try:
        at = datetime.fromisoformat(text(document, key))
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at if at.year > 1 else None


def texts(document: Json, key: str) -> dict[str, str]:
    found = mapping(document, key).items()
    return {storable(name): storable(value) for name, value in found if isinstance(value, str)}


def without_zeros(value: Any) -> Any:
    """Argo CD leaves out zero values, people write them: equal either way."""
    if isinstance(value, Mapping):
        kept = {key: without_zeros(entry) for key, entry in value.items()}
        return {key: entry for key, entry in kept.items() if entry not in (None, "", False, {}, [])}
    return [without_zeros(entry) for entry in value] if isinstance(value, list) else value
