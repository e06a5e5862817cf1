"""The one place that says whether items are met and tenants ready: computed again in every transaction that changes an input."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from controlpanel.catalog.models import Environment


def readiness_lock(environment: Environment, tenants: Collection[Any] | None = None) -> None:
    """Lock the readiness of these tenants (primary keys; None: all) until the transaction ends.

    Called before an input is changed and before the first audit event: who waited here reads what the other wrote.
    """
    raise NotImplementedError


def readiness_recompute(
    environment: Environment, tenants: Collection[Any] | None = None, *, by: str = "panel"
) -> list[str]:
    """Compute items and readiness of these tenants (primary keys; None: all) anew, in batches, and write what differs.

    Within a transaction that holds `readiness_lock`. Tells browsers; returns the slugs of those that changed.
    """
    raise NotImplementedError
