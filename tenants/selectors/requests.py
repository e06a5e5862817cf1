"""Review requests in portions, for their page and the API."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import InvalidError
from tenants.models import Readiness, ReviewRequest, Tenant
from tenants.selectors.checklists import reviews_visible


def reviews_portion(
    actor: Actor, *, is_open: bool | None, cursor: str, limit: int
) -> tuple[list[ReviewRequest], str | None]:
    """The next requests, newest first, and the cursor of what follows: an id, which grows with time.

    Raises `InvalidError` for a cursor that no list gave.
    """
    rows = reviews_visible(actor).order_by("-pk")
    rows = rows if is_open is None else rows.filter(closed_at__isnull=is_open)
    if cursor:
        try:
            rows = rows.filter(pk__lt=uuid.UUID(cursor))
        except ValueError:
            raise InvalidError(
                "The cursor is none that a list gave.", "Use the value of `next`, or leave it out.", field="cursor"
            ) from None
    found = list(rows[: limit + 1])
    return found[:limit], str(found[limit - 1].pk) if len(found) > limit else None


def review_here(tenant: Tenant, environment: Environment) -> ReviewRequest | None:
    """The request that is open for this tenant here."""
    return ReviewRequest.objects.filter(tenant=tenant, environment=environment, closed_at=None).first()


def with_readiness(rows: Sequence[ReviewRequest]) -> list[tuple[ReviewRequest, Readiness | None]]:
    """Each request with how ready its tenant is there; one query."""
    keys = {row.tenant_id for row in rows}
    known = {(one.tenant_id, one.environment_id): one for one in Readiness.objects.filter(tenant__in=keys)}
    return [(row, known.get((row.tenant_id, row.environment_id))) for row in rows]
