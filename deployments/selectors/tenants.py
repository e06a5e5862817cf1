"""Which tenants a release would meet unready, for the gate, the preflight and the promote page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from deployments.models import Preflight, Release
from tenants.selectors.readiness import NotReady, active_count, not_ready


@dataclass(frozen=True, kw_only=True)
class Tenants:
    """Active tenants: how many there are, how many are ready, and those that are not, by slug, with their items."""

    total: int
    ready: int
    blocked: tuple[NotReady, ...]

    def facts(self) -> dict[str, Any]:
        """As the interfaces show it: {"total", "ready", "blocked": [{"slug", "owner", "items": [{"id", "key", …}]}]}."""
        return {"total": self.total, "ready": self.ready, "blocked": [_blocked(one) for one in self.blocked]}


def tenants_of(
    environment: Environment, release: Release | None, preflight: Preflight | None = None, actor: Actor | None = None
) -> Tenants:
    """In a constant number of queries. With an actor only what that one may see.

    What the `preflight` of the release sets of the environment's own keys blocks nobody, though it is not live yet.
    """
    version, provided = release.version if release else "", _provided(preflight)
    blocked = not_ready(environment, version, actor, provided)
    total = active_count(environment, actor)
    return Tenants(total=total, ready=total - len(blocked), blocked=tuple(blocked))


def _provided(preflight: Preflight | None) -> list[str]:
    return [one["key"] for one in preflight.variables if one["state"] != "missing"] if preflight else []


def _blocked(one: NotReady) -> dict[str, Any]:
    items = [
        {
            "id": item.id, "key": item.key, "type": item.type, "state": item.state, "evidence": item.evidence,
            "owner": item.owner, "release": item.release_version,
        }
        for item in one.items
    ]  # fmt: skip
    return {"slug": one.slug, "display_name": one.display_name, "owner": one.owner, "since": one.since, "items": items}
