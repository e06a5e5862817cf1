"""What somebody wants to be promoted, looked at or asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from deployments.choices import Kind
from deployments.models import Promotion, Release


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Who wants what where, checked as far as it can be without the lane. `restores` is what a rollback goes back to."""

    actor: Actor
    environment: Environment
    release: Release
    components: list[str] = field(default_factory=list)
    restores: Promotion | None = None
    reason: str = ""
    render_digest: str = ""

    @property
    def kind(self) -> Kind:
        """A rollback where it restores something."""
        return Kind.ROLLBACK if self.restores else Kind.RELEASE

    @property
    def what(self) -> dict[str, Any]:
        """The columns that previews and promotions of the same thing share."""
        return {
            "environment": self.environment, "release": self.release, "components": self.components, "restores": self.restores,
        }  # fmt: skip

    @property
    def looked_up(self) -> dict[str, Any]:
        """The same as a lookup."""
        known = {name: value for name, value in self.what.items() if name != "restores"}
        return {**known, "restores": self.restores} if self.restores else {**known, "restores__isnull": True}
