"""Many tenants at once from CSV or YAML, with a dry run that shows what would change."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import IntegrityError, transaction

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import User
from controlpanel.catalog.models import Environment
from controlpanel.core import audit, live
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.lease import Clock
from controlpanel.core.permissions import Right
from tenants.choices import TenantState
from tenants.models import CredentialReference, Tenant
from tenants.parts import Reference, differences
from tenants.selectors.checklists import IMPORT
from tenants.services.import_text import MOST_TENANTS, Entry, Problem, entries_of
from tenants.services.places import Keys, keys_of, reference_of
from tenants.services.readiness import readiness_lock, readiness_recompute
from tenants.services.reference_rows import Put, references_write

COLUMNS = ("display_name", "owner", "contacts", "labels")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One tenant of the text. `change` is created, changed or unchanged; `details` says each difference in words."""

    slug: str
    change: Literal["created", "changed", "unchanged"]
    details: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import did or, as a dry run, would do; with problems it does nothing."""

    is_dry_run: bool
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One entry beside the row that is there; `puts` by environment are references that differ."""

    entry: Entry
    tenant: Tenant
    is_new: bool
    fields: Mapping[str, Any]
    puts: Mapping[Environment, Sequence[Reference]]
    words: tuple[str, ...]

    @property
    def change(self) -> Change:
        """As it is told."""
        kind: Literal["created", "changed", "unchanged"] = (
            "created" if self.is_new else "changed" if self.words else "unchanged"
        )
        return Change(slug=self.entry.slug, change=kind, details=self.words)


def tenants_import(*, actor: Actor, text: str, format: Literal["csv", "yaml"], dry_run: bool) -> Imported:
    """Create and change the tenants that the text names, all or none; others stay as they are. The same text twice changes
    nothing the second time. Raises `InvalidError` for a text that cannot be read at all, `ConflictError` where somebody else
    created one of them at the same moment."""
    actor.require(Right.TENANT_EDIT)
    places = {one.name: one for one in Environment.objects.filter(is_retired=False).order_by("pk")}
    entries, problems = entries_of(text, format, list(places))
    if len(entries) > MOST_TENANTS:
        raise InvalidError(f"The text names more than {MOST_TENANTS} tenants.", "Import them in parts.", field="text")
    try:
        with transaction.atomic():
            return _import(actor, entries, problems, places, dry_run=dry_run)
    except IntegrityError as error:
        said = "A tenant of the text was created by somebody else at the same moment."
        raise ConflictError(said, "Look at the dry run again, then import.") from error


def _import(
    actor: Actor, entries: Sequence[Entry], problems: Sequence[Problem], places: Mapping[str, Environment], *, dry_run: bool
) -> Imported:  # fmt: skip
    """Planned beside rows that stay as they are until the end."""
    planned, more = _plan(entries, places, _known(entries, are_locked=not dry_run))
    if problems := (*problems, *more):
        return Imported(is_dry_run=dry_run, problems=tuple(sorted(problems, key=lambda one: one.line)))
    if not dry_run and any(one.change.change != "unchanged" for one in planned):
        _carry_out(actor, planned, list(places.values()))
    return Imported(is_dry_run=dry_run, changes=tuple(one.change for one in planned))


def _known(entries: Sequence[Entry], *, are_locked: bool) -> dict[str, Tenant]:
    rows = Tenant.objects.filter(slug__in=[one.slug for one in entries]).order_by("pk")
    return {row.slug: row for row in (rows.select_for_update(no_key=True) if are_locked else rows)}


def _plan(
    entries: Sequence[Entry], places: Mapping[str, Environment], known: Mapping[str, Tenant]
) -> tuple[list[Planned], list[Problem]]:
    """Every entry beside what is there; a constant number of queries for each environment."""
    accounts = set(User.objects.filter(username__in=[one.fields.get("owner", "") for one in entries]).values_list("username", flat=True))  # fmt: skip
    keys = {name: keys_of(place) for name, place in places.items()}
    newest = _newest(list(known.values()))
    planned, problems = [], []
    for entry in entries:
        row = known.get(entry.slug)
        try:
            planned.append(_planned(entry, row, accounts, keys, newest, places))
        except InvalidError as error:
            problems.append(Problem(line=entry.line, field=str(error.extra.get("field", "")), sentence=str(error)))
    return planned, problems


def _newest(tenants: Sequence[Tenant]) -> dict[tuple[int, int, str], dict[str, str]]:
    rows = CredentialReference.objects.filter(tenant__in=tenants, newest__is_removed=False).select_related("newest")
    return {(row.tenant_id, row.environment_id, row.key): row.newest.place(row.key) for row in rows if row.newest}


def _planned(
    entry: Entry, row: Tenant | None, accounts: set[str], keys: Mapping[str, Keys], newest: Mapping[Any, dict[str, str]],
    places: Mapping[str, Environment],
) -> Planned:  # fmt: skip
    if row is not None and row.state == TenantState.OFFBOARDED:
        raise InvalidError(f"{entry.slug} is offboarded.", "Onboard it again first.", field="slug")
    owner = entry.fields.get("owner", "")
    if owner and owner not in accounts:
        raise InvalidError("The owner is no account.", "Create the account first: create_user.", field="owner")
    tenant = row or Tenant(slug=entry.slug, display_name=entry.slug)
    changed = {name: value for name, value in entry.fields.items() if getattr(tenant, name) != value}
    words = [_field_words(name, getattr(tenant, name), value) for name, value in changed.items()] if row else []
    puts: dict[Environment, list[Reference]] = {}
    for name, key, place in entry.references:
        reference = reference_of(entry.slug, key, place, keys[name])
        before = newest.get((tenant.pk, places[name].pk, key)) if row else None
        if before != reference.place:
            puts.setdefault(places[name], []).append(reference)
            words.append(
                f"{name} {key}: {', '.join(differences(before, reference.place)) if before else reference.words}"
            )
    return Planned(entry=entry, tenant=tenant, is_new=row is None, fields=changed, puts=puts, words=tuple(words))


def _field_words(name: str, was: Any, becomes: Any) -> str:
    word = name.replace("_", " ")
    return (
        f"{word} changed"
        if not isinstance(was, str)
        else f"{word} changed from {was or 'nothing'} to {becomes or 'nothing'}"
    )


def _carry_out(actor: Actor, planned: Sequence[Planned], places: Sequence[Environment]) -> None:
    """Tenants first, then references and readiness environment by environment: a constant number of statements for each batch."""
    change_set = uuid.uuid4()
    due = [one for one in planned if one.is_new or one.words]
    _write_tenants(actor, due)
    keys = [one.tenant.pk for one in due]
    for environment in places:
        readiness_lock(environment, keys)
    for environment in places:
        puts = [
            Put(tenant=one.tenant, key=place.key, place=place) for one in due for place in one.puts.get(environment, ())
        ]
        references_write(environment, puts, by=actor.name, change_set=change_set)
        readiness_recompute(environment, keys, by=actor.name)
    live.publish("tenant")
    created = [one.entry.slug for one in due if one.is_new]
    changed = [one.entry.slug for one in due if not one.is_new]
    audit.record(
        actor=actor, action=IMPORT, message=f"Imported: {len(created)} tenants created, {len(changed)} changed.",
        details={"created": created, "changed": changed, "change_set": str(change_set)},
    )  # fmt: skip


def _write_tenants(actor: Actor, due: Sequence[Planned]) -> None:
    owners = {user.username: user.display_name for user in User.objects.filter(username__in=[one.fields.get("owner", one.tenant.owner) for one in due])}  # fmt: skip
    now = Clock()()
    for one in due:
        for name, value in one.fields.items():
            setattr(one.tenant, name, value)
        row = one.tenant
        row.search_text = " ".join(
            filter(None, [row.slug, row.display_name, row.owner, owners.get(row.owner, "")])
        ).lower()
        row.created_at = now if one.is_new else row.created_at
        row.changed_at = now
        row.created_by = row.created_by or actor.name
    Tenant.objects.bulk_create([one.tenant for one in due if one.is_new], batch_size=1000)
    Tenant.objects.bulk_create(
        [one.tenant for one in due if not one.is_new], update_conflicts=True, unique_fields=["slug"],
        update_fields=[*COLUMNS, "search_text", "changed_at"],
    )  # fmt: skip
