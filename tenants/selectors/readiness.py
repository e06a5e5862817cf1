"""Who is ready, who is not and why: what gates, preflights and lists ask. Constant numbers of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment


@dataclass(frozen=True, kw_only=True)
class Blocking:
    """One item that keeps a tenant from being ready. `owner` is an account's name or, where there is none, a role."""

    id: str
    key: str
    type: str
    state: str
    evidence: str
    owner: str
    release_version: str = ""


@dataclass(frozen=True, kw_only=True)
class NotReady:
    """A tenant that is not ready, with the items that are missing; `since` is when it became so."""

    slug: str
    display_name: str
    owner: str
    since: datetime
    items: tuple[Blocking, ...]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Active tenants of an environment."""

    total: int = 0
    ready: int = 0

    @property
    def not_ready(self) -> int:
        """Those that are not."""
        return self.total - self.ready


def not_ready(environment: Environment, release_version: str = "", actor: Actor | None = None) -> list[NotReady]:
    """Active tenants that are not ready, by slug: by what the catalog and what is live ask for and, where given, by the keys
    that this release needs besides. With an actor only what that one may see. Three queries, however many there are."""
    raise NotImplementedError


def readiness_counts(
    environments: Sequence[Environment], release_version: str = "", actor: Actor | None = None
) -> dict[str, Counts]:
    """Environment's name → counts of active tenants; one query (one more with a release)."""
    raise NotImplementedError
