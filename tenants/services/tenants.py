"""Tenants come, change, are suspended and leave."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.catalog.models import Environment
from controlpanel.core import audit, live
from controlpanel.core.errors import ConflictError
from controlpanel.core.lease import StatementTime
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right
from tenants.choices import MOVES, TenantState
from tenants.models import CredentialReference, Tenant
from tenants.services import inputs
from tenants.services.readiness import readiness_lock, readiness_recompute
from tenants.services.reference_rows import Put, references_write


def tenant_create(
    *,
    actor: Actor,
    slug: str,
    display_name: str = "",
    owner: str = "",
    contacts: Sequence[Mapping[str, str]] = (),
    labels: Mapping[str, str] | None = None,
) -> Tenant:
    """Create a tenant that is onboarding, with a checklist in every environment.

    Raises `InvalidError` naming the field, `ConflictError` where the slug is taken by other content; the same once more
    answers the one that is there.
    """
    actor.require(Right.TENANT_EDIT)
    fields = checked_fields(display_name=display_name or slug, owner=owner, contacts=contacts, labels=labels or {})
    made = Tenant(slug=inputs.checked_slug(slug), created_by=actor.name, **fields)
    made.search_text = search_text(made)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
            recompute_everywhere([made.pk], by=actor.name)
            record(actor, made, "create", f"Tenant {slug} is onboarding.")
    except IntegrityError:
        return _same(Tenant.objects.get(slug=slug), fields)
    return made


@transaction.atomic
def tenant_edit(
    *,
    actor: Actor,
    tenant: Tenant,
    display_name: str | None = None,
    owner: str | None = None,
    contacts: Sequence[Mapping[str, str]] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Tenant:
    """Change what is given. Raises `InvalidError` naming the field."""
    actor.require(Right.TENANT_EDIT, tenant=tenant.slug)
    given = {"display_name": display_name, "owner": owner, "contacts": contacts, "labels": labels}
    fields = checked_fields(**{name: value for name, value in given.items() if value is not None})
    row = locked(tenant)
    changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
    if changed:
        details = before_and_after(row, changed)
        write_fields(row, changed)
        record(actor, row, "edit", f"Changed {', '.join(name.replace('_', ' ') for name in changed)}.", details)
    return row


@transaction.atomic
def tenant_move(*, actor: Actor, tenant: Tenant, state: TenantState, reason: str = "") -> Tenant:
    """Activate, suspend or resume. Raises `ConflictError` for an illegal move; the state that it is in already changes nothing."""
    actor.require(Right.TENANT_EDIT, tenant=tenant.slug)
    said = inputs.checked_text(reason, "reason", most=2000)
    if state == TenantState.OFFBOARDED:
        return tenant_offboard(actor=actor, tenant=tenant, reason=reason)
    row = locked(tenant)
    if row.state != state:
        _move(row, state)
        recompute_everywhere([row.pk], by=actor.name)
        record(actor, row, state, f"{row.slug} is {state}.{f' {said}' if said else ''}")
    return row


@transaction.atomic
def tenant_offboard(*, actor: Actor, tenant: Tenant, reason: str) -> Tenant:
    """Take all references away (a pending change in every environment where Git holds one) and keep all history.

    The keys leave the shard's Secret by the next `tenant_config` promotion, the object by the one after it: see `Departure`.
    """
    actor.require(Right.TENANT_EDIT, tenant=tenant.slug)
    said = inputs.checked_text(reason, "reason", most=2000, least=10)
    row = locked(tenant)
    if row.state == TenantState.OFFBOARDED:
        return row
    _move(row, TenantState.OFFBOARDED)
    for environment in Environment.objects.order_by("pk"):
        readiness_lock(environment, [row.pk])
        keys = CredentialReference.objects.filter(tenant=row, environment=environment).values_list("key", flat=True)
        references_write(environment, [Put(tenant=row, key=key, place=None) for key in keys], by=actor.name)
        readiness_recompute(environment, [row.pk], by=actor.name)
    record(actor, row, "offboard", f"{row.slug} is offboarded. {said}")
    return row


def checked_fields(**given: Any) -> dict[str, Any]:
    """The columns of a tenant from what was typed. Raises `InvalidError` naming the field."""
    checks = {
        "display_name": lambda text: inputs.checked_text(text, "display_name", most=150, least=1),
        "owner": inputs.checked_owner, "contacts": inputs.checked_contacts, "labels": inputs.checked_labels,
    }  # fmt: skip
    return {name: checks[name](value) for name, value in given.items()}


def write_fields(row: Tenant, changed: Mapping[str, Any]) -> None:
    """Store changed columns of a locked row."""
    for name, value in changed.items():
        setattr(row, name, value)
    row.search_text, row.changed_at = search_text(row), StatementTime()
    row.save(update_fields=[*changed, "search_text", "changed_at"])


def search_text(row: Tenant) -> str:
    """What a search looks through: slug, name, owner by both names."""
    person = User.objects.filter(username=row.owner).first() if row.owner else None
    return " ".join(
        filter(None, [row.slug, row.display_name, row.owner, person.display_name if person else ""])
    ).lower()


def before_and_after(before: Tenant, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Details of an audit event."""
    return {name: {"from": getattr(before, name), "to": value} for name, value in changed.items()}


def locked(tenant: Tenant) -> Tenant:
    """The row, locked until the transaction ends; not its key, which rows that others make of it refer to."""
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


def recompute_everywhere(tenants: Collection[int], *, by: str) -> None:
    """Compute the tenants' readiness in every environment of the catalog anew."""
    places = list(Environment.objects.filter(is_retired=False).order_by("pk"))
    for environment in places:
        readiness_lock(environment, tenants)
    for environment in places:
        readiness_recompute(environment, tenants, by=by)


def record(
    actor: Actor, row: Tenant, act: str, message: str, details: dict[str, Any] | None = None, environment: str = ""
) -> AuditEvent:
    """Write an act on a tenant down, and tell browsers."""
    live.publish(f"tenant.{row.slug}")
    live.publish("tenant")
    return audit.record(
        actor=actor,
        action=f"tenant.{act}",
        target=row.slug,
        message=message,
        environment=environment,
        details=details or {},
    )


def _move(row: Tenant, state: TenantState) -> None:
    was = TenantState(row.state)
    if state not in MOVES[was]:
        may = " or ".join(one.value for one in MOVES[was])
        raise ConflictError(f"{row.slug} is {was}, so it cannot become {state}.", f"It can become {may}.")
    row.state, row.changed_at = state, StatementTime()
    row.save(update_fields=["state", "changed_at"])


def _same(existing: Tenant, fields: Mapping[str, Any]) -> Tenant:
    if any(getattr(existing, name) != value for name, value in fields.items()):
        raise ConflictError(
            f"There is a tenant {existing.slug} already.", "Edit that one, or choose another slug.", field="slug"
        )
    return existing
