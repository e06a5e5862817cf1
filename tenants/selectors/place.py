"""One tenant in one environment, with what its page shows beside the checklist."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import InvalidError
from tenants.models import CredentialReference, HubState, ReferenceVersion, Tenant
from tenants.parts import differences
from tenants.selectors.parts import pending

CURSOR = re.compile(r"([a-z0-9-]{1,63})\.([A-Z0-9_]{1,100})")


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A reference whose newest version Git does not hold; `words` say from what to what."""

    reference: CredentialReference
    words: str

    @property
    def version(self) -> ReferenceVersion:
        """What was put last."""
        assert self.reference.newest is not None  # it differs from what Git holds
        return self.reference.newest


def pending_of(rows: Iterable[CredentialReference]) -> list[Pending]:
    """Those that wait for a promotion of the configuration, with what changes in words."""
    return [
        Pending(reference=row, words=change_words(row)) for row in rows if row.newest is not None and row.is_pending
    ]


def changes(
    actor: Actor, environment: Environment, *, cursor: str, limit: int
) -> tuple[list[CredentialReference], str | None]:
    """The next pending changes by tenant and key, of tenants that the actor may see, and the cursor of what follows.

    Raises `InvalidError` for a cursor that no list gave.
    """
    rows = pending(environment).exclude(newest=None)
    slugs = actor.tenants(environment=environment.name)
    rows = rows if slugs is None else rows.filter(tenant__slug__in=slugs)
    if cursor:
        match = CURSOR.fullmatch(cursor)
        if match is None:
            raise InvalidError(
                "The cursor is none that a list gave.", "Use the value of `next`, or leave it out.", field="cursor"
            )
        rows = rows.filter(Q(tenant__slug__gt=match[1]) | Q(tenant__slug=match[1], key__gt=match[2]))
    found = list(rows[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], f"{last.tenant.slug}.{last.key}" if last else None


def tenants_with_changes(environment: Environment) -> int:
    """How many tenants have a change that waits in the environment."""
    return pending(environment).exclude(newest=None).order_by().values("tenant").distinct().count()


def hub_state_of(tenant: Tenant, environment: Environment) -> HubState | None:
    """What the hub was last seen to say of the tenant here."""
    return HubState.objects.filter(tenant=tenant, environment=environment).first()


def change_words(row: CredentialReference) -> str:
    """What promoting the newest version would change, in one sentence part."""
    before, after = _standing(row.promoted), _standing(row.newest)
    if after is None:
        return "is taken away" if before else "was added and taken away again"
    if before is None:
        return f"is new: {after.as_reference(row.key).words}"
    changed = differences(before.place(row.key), after.place(row.key))
    return ", ".join(changed) or "is put anew, with the same place"


def change_of(row: CredentialReference) -> str:
    """new, changed or removed."""
    if _standing(row.newest) is None:
        return "removed"
    return "new" if _standing(row.promoted) is None else "changed"


def _standing(version: ReferenceVersion | None) -> ReferenceVersion | None:
    return None if version is None or version.is_removed else version
