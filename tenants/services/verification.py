"""What looks at references in the cluster found: conditions and names of keys, never a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q

from controlpanel.accounts.actors import SYSTEM, Actor
from controlpanel.catalog.models import Environment
from controlpanel.clients.credentials_in_text import without_credentials
from controlpanel.core import audit, live
from controlpanel.core.lease import Clock, StatementTime
from controlpanel.core.literal_secrets import find
from tenants.choices import ReferenceKind, Standing
from tenants.models import CredentialReference
from tenants.services.readiness import TOLD_BY_NAME, readiness_lock, readiness_recompute
from tenants.services.reference_rows import references_update

LONGEST_MESSAGE = 1000
COLUMNS = ["standing", "message", "checked_at", "verified_at", "verified_generation", "verified_version"]


@dataclass(frozen=True, kw_only=True)
class Verified:
    """One look. `version` is the primary key of the ReferenceVersion that was looked for, which is the promoted one;
    `generation` that of the object in the cluster, `message` the operator's own words."""

    reference: int
    standing: Standing
    version: int | None = None
    generation: int | None = None
    message: str = ""


@transaction.atomic
def verifications_record(environment: Environment, found: Sequence[Verified], *, actor: Actor = SYSTEM) -> list[str]:
    """Store looks at references of one environment and compute readiness anew; returns the slugs whose readiness changed.

    A look for a version that is no longer the promoted one changes nothing. Messages are stored without credentials.
    """
    looks = {one.reference: one for one in found}
    tenants = set(
        CredentialReference.objects.filter(environment=environment, pk__in=looks).values_list("tenant", flat=True)
    )
    readiness_lock(environment, tenants)
    rows = (
        CredentialReference.objects.filter(environment=environment, pk__in=looks)
        .select_related("tenant")
        .order_by("pk")
    )
    current = [row for row in rows if row.promoted_id is not None and _is_current(row, looks[row.pk])]
    waited_for = {row.tenant.slug for row in current if row.checked_at is None}
    moved = _apply(current, looks)
    references_update(current, COLUMNS)
    changed = readiness_recompute(environment, tenants)
    for slug in sorted(waited_for - set(changed))[:TOLD_BY_NAME]:
        live.publish(f"tenant.{slug}")  # who asked for the look sees that it came, whatever it found
    for row, was in moved:
        _record(environment, row, was, actor)
    return changed


def references_to_check(
    environment: Environment, *, older_than_seconds: float, limit: int, tenant: int | None = None
) -> list[CredentialReference]:
    """Promoted references to secrets that were never looked at since they changed, or whose last look is older; the oldest first."""
    old = Q(checked_at=None) | Q(checked_at__lt=StatementTime() - timedelta(seconds=older_than_seconds))
    rows = CredentialReference.objects.filter(old, environment=environment, promoted__is_removed=False)
    rows = rows.exclude(promoted__kind=ReferenceKind.VALUE).filter(**({} if tenant is None else {"tenant": tenant}))
    return list(rows.select_related("tenant", "promoted").order_by(F("checked_at").asc(nulls_first=True), "pk")[:limit])


def _is_current(row: CredentialReference, look: Verified) -> bool:
    return look.version is None or look.version == row.promoted_id


def _apply(rows: Sequence[CredentialReference], looks: Mapping[int, Verified]) -> list[tuple[CredentialReference, str]]:
    """Write the looks into the rows; those whose standing is another one, with what it was."""
    now, moved = Clock()(), []
    for row in rows:
        look = looks[row.pk]
        if row.standing != look.standing:
            moved.append((row, row.standing))
        row.standing, row.message, row.checked_at = look.standing, said_safely(look.message), now
        if look.standing == Standing.VERIFIED:
            row.verified_at, row.verified_generation, row.verified_version_id = now, look.generation, row.promoted_id
    return moved


def said_safely(message: str) -> str:
    """An outside system's words without anything that looks like a credential."""
    shown = without_credentials(message)[:LONGEST_MESSAGE]
    return "(The message held what looks like a secret and is not kept.)" if find(shown) else shown


def _record(environment: Environment, row: CredentialReference, was: str, actor: Actor) -> None:
    said = f": {row.message}" if row.message else ""
    audit.record(
        actor=actor, action="tenant.verification", environment=environment.name, target=row.tenant.slug,
        message=f"{row.key} is {row.standing}, was {was}{said}", details={"key": row.key, "was": was, "is": row.standing},
    )  # fmt: skip
