"""What workers saw of a tenant outside, for items that read observations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controlpanel.catalog.models import Environment


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One answer to an item of a type with an outside source (`endpoint_answers`, `redis_key_present`); `is_met` None: no answer."""

    slug: str
    type: str
    key: str
    is_met: bool | None
    evidence: str
    at: datetime


def observations_record(environment: Environment, seen: Sequence[Seen]) -> list[str]:
    """Store answers and compute readiness anew; returns the slugs whose readiness changed."""
    raise NotImplementedError
