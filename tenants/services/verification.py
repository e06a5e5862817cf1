"""What looks at references in the cluster found: conditions and names of keys, never a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controlpanel.accounts.actors import SYSTEM, Actor
from controlpanel.catalog.models import Environment
from tenants.choices import Standing
from tenants.models import CredentialReference


@dataclass(frozen=True, kw_only=True)
class Verified:
    """One look. `version` is the primary key of the ReferenceVersion that the object in the cluster holds (for a verified one:
    the promoted version that was looked for), `generation` that of the object, `message` the operator's own words."""

    reference: int
    standing: Standing
    version: int | None = None
    generation: int | None = None
    message: str = ""


def verifications_record(environment: Environment, found: Sequence[Verified], *, actor: Actor = SYSTEM) -> list[str]:
    """Store looks at references of one environment and compute readiness anew; returns the slugs whose readiness changed.

    A look for a version that is no longer the promoted one changes nothing. Messages are stored without credentials.
    """
    raise NotImplementedError


def references_to_check(
    environment: Environment, *, older_than_seconds: float, limit: int
) -> list[CredentialReference]:
    """Promoted references that were never looked at, that changed since, or whose last look is older, oldest first."""
    raise NotImplementedError
