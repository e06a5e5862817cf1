"""The body of `POST /api/hub/events`, read strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

TEXTS = ("id", "tenantId", "type", "source", "timestamp")
LONGEST = 200


class WrongEvent(ValueError):
    """The body is no hub event; the message says what is wrong with it."""


@dataclass(frozen=True)
class Event:
    """One event of a tenant. `timestamp` is RFC 3339, `payload` any JSON object."""

    id: str
    tenant: str
    type: str
    source: str
    timestamp: str
    payload: dict[str, Any]

    def fields(self) -> dict[str, str]:
        """As the tenant's stream keeps it."""
        return {
            "id": self.id, "tenantId": self.tenant, "type": self.type, "source": self.source,
            "timestamp": self.timestamp, "payload": json.dumps(self.payload, sort_keys=True),
        }  # fmt: skip


def read(body: bytes, *, tenant: str) -> Event:
    """Return the event of a body that was sent under the header of `tenant`. Raises `WrongEvent`."""
    try:
        document = json.loads(body)
    except ValueError:
        raise WrongEvent("The body is no JSON.") from None
    if not isinstance(document, dict) or not isinstance(document.get("payload"), dict):
        raise WrongEvent("The body must be an object whose payload is an object.")
    for name in TEXTS:
        if not isinstance(document.get(name), str) or not 0 < len(document[name]) <= LONGEST:
            raise WrongEvent(f"{name} must be a text of 1 to {LONGEST} characters.")
    if document["tenantId"] != tenant:
        raise WrongEvent("tenantId and X-Tenant name different tenants.")
    _check_time(document["timestamp"])
    id_, _, type_, source, timestamp = (document[name] for name in TEXTS)
    return Event(id_, tenant, type_, source, timestamp, document["payload"])


def _check_time(text: str) -> None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongEvent("timestamp is no time of RFC 3339.") from None
    if moment.tzinfo is None:
        raise WrongEvent("timestamp has no time zone.")
