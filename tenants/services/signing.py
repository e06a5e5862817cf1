"""Sign-offs and waivers of checklist items."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import models, transaction

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.lease import Clock, StatementTime
from controlpanel.core.permissions import Right
from tenants.choices import UNMET, ItemState
from tenants.models import ChecklistItem, Readiness, SignOff, Tenant
from tenants.services import inputs
from tenants.services.readiness import readiness_lock, readiness_recompute
from tenants.services.reviews import reviews_close_signed
from tenants.services.tenants import record

LONGEST_WAIVER = timedelta(days=90)


@transaction.atomic
def item_sign_off(*, actor: Actor, item: ChecklistItem, note: str = "", seen: str = "") -> ChecklistItem:
    """Give one's word for what the item says now; `seen` is the `subject` that the person looked at, "" for whatever it is.

    Raises `ConflictError` where it is another one by now, or there is nothing to sign for yet (the reference is missing or
    fails). Signing the same twice changes nothing.
    """
    actor.require(Right.TENANT_SIGN_OFF, item.environment.name, item.tenant.slug)
    said = inputs.checked_text(note, "note", most=2000)
    row = _locked(item)
    if seen and seen != row.subject:
        raise ConflictError(
            f"{row.key} changed since you looked.", "Look at what changed, then sign.", item=str(row.pk)
        )
    _sign([row], actor, said)
    return _read_again(row)


@transaction.atomic
def item_sign_off_withdraw(*, actor: Actor, item: ChecklistItem, reason: str = "") -> ChecklistItem:
    """Take a sign-off back. Raises `ConflictError` where none stands."""
    actor.require(Right.TENANT_SIGN_OFF, item.environment.name, item.tenant.slug)
    said = inputs.checked_text(reason, "reason", most=2000)
    row = _locked(item)
    if row.sign_off is None:
        raise ConflictError(f"{row.key} is not signed.", "There is nothing to withdraw.", item=str(row.pk))
    by = row.sign_off.by
    _withdraw(row, actor)
    readiness_recompute(row.environment, [row.tenant_id], by=actor.name)
    _record(
        actor, row, "sign_off_withdrawn", f"{row.key}: the sign-off of {by} is withdrawn.{f' {said}' if said else ''}"
    )
    return _read_again(row)


@transaction.atomic
def items_sign_off_all(
    *, actor: Actor, tenant: Tenant, environment: Environment, note: str = "", seen: Collection[str] = ()
) -> list[ChecklistItem]:
    """Sign every item that is not signed or stale, but for what is waived; `seen` are the `subject`s that the person looked at,
    none for whatever they are. Raises `ConflictError` naming the first that changed since, or that cannot be signed: all
    references have to be there and verified."""
    actor.require(Right.TENANT_SIGN_OFF, environment.name, tenant.slug)
    said = inputs.checked_text(note, "note", most=2000)
    readiness_lock(environment, [tenant.pk])
    rows = _rows().filter(tenant=tenant, environment=environment, is_retired=False)
    due = [row for row in rows if row.awaits_sign_off]
    if waiting := next((row for row in due if row.hindrance), None):
        said_why = f"{waiting.key} cannot be signed yet: {waiting.hindrance}"
        raise ConflictError(said_why, "Sign the others one by one.", item=str(waiting.pk))
    if unseen := [row for row in due if seen and row.subject and row.subject not in seen]:
        row = unseen[0]
        raise ConflictError(
            f"{row.key} changed since you looked.", "Look at what changed, then sign.", item=str(row.pk)
        )
    _sign(due, actor, said)
    return list(_rows().filter(pk__in=[row.pk for row in due]))


@transaction.atomic
def item_waive(*, actor: Actor, item: ChecklistItem, reason: str, until: datetime) -> ChecklistItem:
    """Let the item count as met until then. Raises `InvalidError` for a short reason or a moment that is past or further than
    90 days away, `ConflictError` where the item is met."""
    actor.require(Right.TENANT_WAIVE, item.environment.name, item.tenant.slug)
    said = inputs.checked_text(reason, "reason", most=2000, least=10)
    now = Clock()()
    if until.tzinfo is None or not now < until <= now + LONGEST_WAIVER:
        raise InvalidError(
            f"A waiver ends within {LONGEST_WAIVER.days} days.", "Give a moment with its time zone, such as 2026-12-24T12:00:00Z.",
            field="until",
        )  # fmt: skip
    row = _locked(item)
    if row.state not in (*UNMET, ItemState.WAIVED):
        raise ConflictError(f"{row.key} is met.", "There is nothing to waive.", item=str(row.pk))
    _set_waiver(row, reason=said, by=actor.name, until=until)
    readiness_recompute(row.environment, [row.tenant_id], by=actor.name)
    _record(actor, row, "waive", f"{row.key} is waived until {until:%Y-%m-%d %H:%M %Z}: {said}")
    return _read_again(row)


@transaction.atomic
def item_unwaive(*, actor: Actor, item: ChecklistItem) -> ChecklistItem:
    """End a waiver. Raises `ConflictError` where none holds."""
    actor.require(Right.TENANT_WAIVE, item.environment.name, item.tenant.slug)
    row = _locked(item)
    if row.state != ItemState.WAIVED:
        raise ConflictError(f"{row.key} is not waived.", "There is no waiver to end.", item=str(row.pk))
    ChecklistItem.objects.filter(pk=row.pk).update(waived_until=StatementTime(), updated_at=StatementTime())
    readiness_recompute(row.environment, [row.tenant_id], by=actor.name)
    _record(actor, row, "unwaive", f"The waiver of {row.key} is ended.")
    return _read_again(row)


def _locked(item: ChecklistItem) -> ChecklistItem:
    """The item as it is now, under the lock of its tenant's readiness."""
    readiness_lock(item.environment, [item.tenant_id])
    row = _read_again(item)
    if row.is_retired:
        raise ConflictError(f"{row.key} is not asked for any more.", "See the checklist.", item=str(row.pk))
    return row


def _read_again(item: ChecklistItem) -> ChecklistItem:
    return _rows().get(pk=item.pk)


def _rows() -> models.QuerySet[ChecklistItem]:
    return ChecklistItem.objects.select_related("tenant", "environment", "sign_off")


def _sign(rows: list[ChecklistItem], actor: Actor, note: str) -> None:
    """Sign rows of one tenant and environment; those that are signed as they are stay so."""
    due = [row for row in rows if not row.is_signed]
    for row in due:
        _require_signable(row)
    if not due:
        return
    tenant, environment = due[0].tenant, due[0].environment
    part = Readiness.objects.get(tenant=tenant, environment=environment).part_digest
    for row in due:
        _withdraw(row, actor)
        made = SignOff.objects.create(
            item=row, by=actor.name, note=note, subject=row.subject, snapshot=row.snapshot, part_digest=part
        )
        ChecklistItem.objects.filter(pk=row.pk).update(sign_off=made)
    readiness_recompute(environment, [tenant.pk], by=actor.name)
    for row in due:
        _record(actor, row, "sign_off", f"{row.key} is signed off.{f' {note}' if note else ''}", subject=row.subject)
    reviews_close_signed(actor=actor, tenant=tenant, environment=environment)


def _require_signable(row: ChecklistItem) -> None:
    if not row.needs_sign_off:
        raise ConflictError(f"{row.key} needs no sign-off.", "The panel looks at it by itself.", item=str(row.pk))
    if row.unsignable:
        raise ConflictError(f"{row.key} cannot be signed yet.", row.unsignable, item=str(row.pk))


def _withdraw(row: ChecklistItem, actor: Actor) -> None:
    """Withdraw what stands; the item forgets it first, since it may only name one that stands."""
    if row.sign_off is not None:
        ChecklistItem.objects.filter(pk=row.pk).update(sign_off=None)
        SignOff.objects.filter(pk=row.sign_off.pk).update(withdrawn_at=StatementTime(), withdrawn_by=actor.name)


def _set_waiver(row: ChecklistItem, *, reason: str, by: str, until: datetime) -> None:
    ChecklistItem.objects.filter(pk=row.pk).update(
        waived_reason=reason, waived_by=by, waived_until=until, updated_at=StatementTime()
    )


def _record(actor: Actor, row: ChecklistItem, act: str, message: str, subject: str = "") -> None:
    details = {"item": str(row.pk), "key": row.key, **({"subject": subject} if subject else {})}
    record(actor, row.tenant, act, message, details, environment=row.environment.name)
