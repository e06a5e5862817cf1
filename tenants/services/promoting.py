"""What the engine tells: which versions Git holds now, what is live, what a release needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from controlpanel.accounts.actors import SYSTEM, Actor
from controlpanel.catalog.models import Environment


@dataclass(frozen=True, kw_only=True)
class LiveValue:
    """How the live files give an environment-scoped key: set, referenced or missing, `where` (the file), `value` unless secret."""

    key: str
    state: str
    where: str = ""
    value: str = ""


def references_promoted(environment: Environment, versions: Mapping[str, int], *, actor: Actor = SYSTEM) -> list[str]:
    """Make these versions (`<slug>.<KEY>` → primary key) the promoted ones; called when a `tenant_config` or a rollback has
    committed. References that are not named are promoted as removed. Later edits stay pending. Returns the slugs that changed.
    """
    raise NotImplementedError


def departures_cleared(environment: Environment, slugs: Collection[str]) -> None:
    """The keys of these tenants have left the shard's Secret: the next `tenant_config` may take the object away."""
    raise NotImplementedError


def departures_done(environment: Environment, slugs: Collection[str]) -> None:
    """The objects of these tenants are gone from Git."""
    raise NotImplementedError


def environment_values_record(environment: Environment, values: Sequence[LiveValue], *, actor: Actor = SYSTEM) -> None:
    """Store what is live (after a promotion that succeeded); sign-offs of changed values become stale."""
    raise NotImplementedError


def items_for_release(environment: Environment, needed_keys: Collection[str], release_version: str) -> None:
    """A release needs these tenant-scoped keys: open an item for every served tenant that lacks one. They count for this
    release alone until `release_is_live`. Safe to call again."""
    raise NotImplementedError


def release_is_live(environment: Environment, release_version: str) -> None:
    """The release runs: what it needs is required of everybody from now on, what only the one before needed is not."""
    raise NotImplementedError
