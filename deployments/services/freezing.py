"""Use cases of freezes: set one, freeze everything now, lift one. Page, API and command come here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Component, Environment
from controlpanel.catalog.shards import COMPONENT as TENANTS_COMPONENT
from controlpanel.core import audit, live
from controlpanel.core.errors import AbsentError, ConflictError, InvalidError
from controlpanel.core.lease import StatementTime, wake
from controlpanel.core.models import is_uuid
from controlpanel.core.permissions import Right
from controlpanel.core.recurrence import LONGEST, Recurring, parse
from deployments.choices import State
from deployments.models import Freeze, Promotion
from deployments.selectors.freezes import FROZEN, MOST
from tenants.models import Tenant

SHORTEST_REASON = 5
PAST = timedelta(minutes=5)
"""How late a beginning may be and still mean now."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A freeze as somebody asks for it: once (`starts_at`, now unless given, to `ends_at`, open unless given) or, with
    `cron`, again and again."""

    reason: str
    environment: str = ""
    component: str = ""
    tenant: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    cron: str = ""
    lasts_minutes: int | None = None
    time_zone: str = "UTC"


def freeze_set(*, actor: Actor, wanted: Wanted) -> Freeze:
    """Set a freeze; what it holds and is in flight pauses between two waves.

    Needs the right in the environment, everywhere for one of all environments. Raises `InvalidError` that names the field.
    """
    actor.require(Right.FREEZE, wanted.environment)
    _check_scope(wanted)
    values = _recurring(wanted) if wanted.cron else _once(wanted)
    reason = wanted.reason.strip()[:500]
    if len(reason) < SHORTEST_REASON:
        said = f"A freeze needs a reason of at least {SHORTEST_REASON} characters."
        raise InvalidError(said, "Say why; everybody who is held reads it.", field="reason")
    if Freeze.objects.filter(lifted_at__isnull=True).count() >= 2 * MOST:
        raise ConflictError("There are too many freezes.", "Lift those that are not needed.")
    scope = {"environment": wanted.environment, "component": wanted.component, "tenant": wanted.tenant}
    with transaction.atomic():
        made = Freeze.objects.create(reason=reason, created_by=actor.name, **scope, **values)
        _record(actor, made, "freeze.set", f"{_titled(made)} {_span(made)}: {made.reason}")
    return made


def freeze_everything(*, actor: Actor, reason: str) -> Freeze:
    """One click: everything, from now on, until somebody lifts it."""
    return freeze_set(actor=actor, wanted=Wanted(reason=reason))


def freeze_lift(*, actor: Actor, freeze: Freeze) -> Freeze:
    """End one now, for good; what waited for it goes on. Lifting twice changes nothing."""
    actor.require(Right.FREEZE, freeze.environment)
    with transaction.atomic():
        rows = Freeze.objects.filter(pk=freeze.pk, lifted_at__isnull=True)
        if rows.update(lifted_at=StatementTime(), lifted_by=actor.name):
            freeze.refresh_from_db()
            _record(actor, freeze, "freeze.lifted", f"{_titled(freeze)} lifted: {freeze.reason}")
            transaction.on_commit(_wake, robust=True)
    return freeze


def find_freeze(identifier: str, *, actor: Actor) -> Freeze:
    """One that stands or was lifted. Raises `AbsentError` where it is absent or not the actor's to see."""
    found = Freeze.objects.filter(pk=identifier).first() if is_uuid(identifier) else None
    if found is None or not actor.may(Right.VIEW, found.environment or None):
        raise AbsentError("There is no such freeze, or it is not yours to see.", "See the list of freezes.")
    return found


def _once(wanted: Wanted) -> dict[str, object]:
    now = timezone.now()
    starts = wanted.starts_at or now
    if starts < now - PAST:
        raise InvalidError("A freeze begins now or later.", "Leave the beginning out for now.", field="starts_at")
    if wanted.ends_at is not None and wanted.ends_at <= max(starts, now):
        raise InvalidError(
            "A freeze ends after it begins, in the future.", "Leave the end out for none.", field="ends_at"
        )
    return {"starts_at": starts, "ends_at": wanted.ends_at}


def _recurring(wanted: Wanted) -> dict[str, object]:
    try:
        cron = parse(wanted.cron)
    except ValueError as error:
        raise InvalidError(str(error), "Such as `0 18 * * fri`: Fridays at 18:00.", field="cron") from None
    if wanted.time_zone not in available_timezones():
        said = f"There is no time zone {wanted.time_zone[:64]!r}."
        raise InvalidError(said, "Use a name of the IANA database, such as Europe/Istanbul.", field="time_zone")
    lasts = timedelta(minutes=wanted.lasts_minutes or 0)
    if not timedelta(0) < lasts <= LONGEST:
        said = f"A window lasts from a minute to {LONGEST.days} days."
        raise InvalidError(said, "Give `lasts_minutes` in that range.", field="lasts_minutes")
    if Recurring(cron, lasts, ZoneInfo(wanted.time_zone)).next_start(timezone.now()) is None:
        raise InvalidError("It never begins in the next four years.", "Check day and month.", field="cron")
    return {"cron": " ".join(wanted.cron.split()), "lasts_minutes": wanted.lasts_minutes, "time_zone": wanted.time_zone}


def _check_scope(wanted: Wanted) -> None:
    known = {
        "environment": Environment.objects.filter(name=wanted.environment, is_retired=False),
        "component": Component.objects.filter(name=wanted.component, is_retired=False),
        "tenant": Tenant.objects.filter(slug=wanted.tenant),
    }
    for name, rows in known.items():
        value = getattr(wanted, name)
        if value and value != TENANTS_COMPONENT and not rows.exists():
            raise InvalidError(f"There is no {name} {value[:63]!r}.", "Leave it out for all.", field=name)
    if wanted.component and wanted.tenant:
        raise InvalidError("A freeze is of a component or of a tenant.", "Set two freezes.", field="tenant")


def _record(actor: Actor, freeze: Freeze, action: str, message: str) -> None:
    details = {"freeze": str(freeze.pk), "component": freeze.component, "tenant": freeze.tenant}
    audit.record(
        actor=actor, action=action, environment=freeze.environment, target=f"freeze of {freeze.scope}"[:150], message=message,
        details=details,
    )  # fmt: skip
    names = Environment.objects.filter(is_retired=False).values_list("name", flat=True)
    for name in [freeze.environment] if freeze.environment else names:
        live.publish(f"environment.{name}")


def _wake() -> None:
    """What waited for it looks again: row by row, outside of the transaction."""
    waiting = Promotion.objects.filter(Q(state=State.QUEUED) | Q(state=State.PAUSED, issue__cause=FROZEN))
    for pk in waiting.values_list("pk", flat=True):
        wake(waiting.filter(pk=pk))


def _titled(freeze: Freeze) -> str:
    return f"Freeze of {freeze.scope}"


def _span(freeze: Freeze) -> str:
    if freeze.when:
        return f"({freeze.when})"
    assert freeze.starts_at is not None
    begins = f"from {freeze.starts_at:%Y-%m-%d %H:%M}"
    return f"{begins} to {freeze.ends_at:%Y-%m-%d %H:%M} UTC" if freeze.ends_at else f"{begins} UTC until it is lifted"
