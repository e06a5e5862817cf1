"""What somebody wants to be promoted, looked at or asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from deployments.choices import Kind
from deployments.models import Promotion, Release
from deployments.models.preflight import kind_of


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Who wants what where, checked as far as it can be without the lane.

    `restores` is what a rollback goes back to, and `keeps_tenants` leaves the tenants' part as it is; without a release it
    is the tenants' configuration. `overrides` are {"gate", "reason", "by", "until"}.
    """

    actor: Actor
    environment: Environment
    release: Release | None
    components: list[str] = field(default_factory=list)
    restores: Promotion | None = None
    keeps_tenants: bool = False
    overrides: list[dict[str, str]] = field(default_factory=list)
    is_emergency: bool = False
    reason: str = ""
    render_digest: str = ""

    @property
    def kind(self) -> Kind:
        """What it is, by what it names."""
        return kind_of(self.release, self.restores)

    @property
    def title(self) -> str:
        """What is wanted, in words."""
        return self.release.version if self.release else "Tenants' configuration"

    @property
    def what(self) -> dict[str, Any]:
        """The columns that previews and promotions of the same thing share."""
        return {
            "environment": self.environment, "release": self.release, "components": self.components, "restores": self.restores,
            "keeps_tenants": self.keeps_tenants,
        }  # fmt: skip

    @property
    def looked_up(self) -> dict[str, Any]:
        """The same as a lookup."""
        named = {"release": self.release, "restores": self.restores}
        known = {name: value for name, value in self.what.items() if name not in named}
        return (
            known
            | {name: value for name, value in named.items() if value}
            | {f"{name}__isnull": True for name, value in named.items() if not value}
        )
