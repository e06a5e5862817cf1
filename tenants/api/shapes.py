"""From rows to the answers of the API, member by member."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from controlpanel.catalog.models import Environment
from tenants.models import CredentialReference, HubEvent, HubState, Readiness, ReferenceVersion, ReviewRequest, Tenant
from tenants.selectors import place
from tenants.selectors.checklists import Line
from tenants.services.importing import Imported

OF_READINESS = ("required", "met", "waived", "stale", "pending", "first_missing", "first_reason", "signed_at")
OF_HUB = (
    "agents", "agents_at", "token_present", "token_ttl_seconds", "stream_length", "last_event_at", "tail", "metrics", "read_at", "error",
)  # fmt: skip


def tenant(row: Tenant, environments: Sequence[Environment], places: Sequence[Readiness | None]) -> dict[str, Any]:
    """A tenant with its readiness in these environments."""
    pairs = zip(environments, places, strict=True)
    return {
        "slug": row.slug, "display_name": row.display_name, "state": row.state, "owner": row.owner, "contacts": row.contacts,
        "labels": row.labels, "created_at": row.created_at, "created_by": row.created_by,
        "environments": [readiness(one, found) for one, found in pairs if found is not None],
        "url": f"{settings.PUBLIC_URL}/tenants/{row.slug}",
    }  # fmt: skip


def readiness(environment: Environment, row: Readiness) -> dict[str, Any]:
    """How ready a tenant is."""
    return {
        "environment": environment.name,
        "ready": row.is_ready,
        **{name: getattr(row, name) for name in OF_READINESS},
    }


def checklist(row: Tenant, environment: Environment, found: Readiness | None, lines: Sequence[Line]) -> dict[str, Any]:
    """The items of a tenant."""
    known = found or Readiness(tenant=row, environment=environment)
    return {
        **readiness(environment, known), "tenant": row.slug, "part_digest": known.part_digest, "items": [item(line) for line in lines],
    }  # fmt: skip


def item(line: Line) -> dict[str, Any]:
    """One item with what it asks for."""
    row = line.item
    given = line.sign_off
    return {
        "id": row.pk, "key": row.key, "type": row.type, "source": row.source, "release": row.release_version, "required": row.is_required,
        "state": row.state, "evidence": row.evidence, "owner_role": row.owner_role, "needs_sign_off": row.needs_sign_off,
        "unsignable": line.unsignable, "subject": row.subject, "updated_at": row.updated_at,
        "reference": reference(line.reference) if line.reference is not None else None,
        "value": {"state": line.value.state, "value": line.value.value, "where": line.value.where} if line.value is not None else None,
        "sign_off": {"by": given.by, "at": given.at, "note": given.note, "stale": list(line.stale)} if given is not None else None,
        "waived": {"reason": row.waived_reason, "by": row.waived_by, "until": row.waived_until} if row.state == "waived" else None,
    }  # fmt: skip


def reference(row: CredentialReference) -> dict[str, Any]:
    """A reference with what Git holds of it and what the newest look found."""
    return {
        "key": row.key, "newest": _place(row.newest), "promoted": _place(row.promoted), "pending": row.is_pending, "owner": row.owner,
        "rotation_days": row.rotation_days,
        "verification": {
            "standing": row.standing, "checked_at": row.checked_at, "verified_at": row.verified_at,
            "generation": row.verified_generation, "message": row.message,
        },
    }  # fmt: skip


def change(row: CredentialReference, environment: Environment) -> dict[str, Any]:
    """A pending change."""
    put = row.newest
    return {
        "tenant": row.tenant.slug, "environment": environment.name, "key": row.key, "change": place.change_of(row),
        "words": place.change_words(row), "by": put.created_by if put else "", "at": put.created_at if put else None,
    }  # fmt: skip


def hub(row: Tenant, environment: Environment, state: HubState | None) -> dict[str, Any]:
    """What the hub was last seen to say."""
    known = state or HubState(tail=[], metrics={})
    return {"tenant": row.slug, "environment": environment.name, **{name: getattr(known, name) for name in OF_HUB}}


def hub_event(row: HubEvent) -> dict[str, Any]:
    """What became of a test event."""
    return {
        "id": row.pk, "tenant": row.tenant.slug, "environment": row.environment.name, "state": row.state, "message": row.message,
        "requested_by": row.requested_by, "created_at": row.created_at, "finished_at": row.finished_at,
    }  # fmt: skip


def review(row: ReviewRequest) -> dict[str, Any]:
    """A request to look and sign."""
    return {
        "id": row.pk, "tenant": row.tenant.slug, "environment": row.environment.name, "requested_by": row.requested_by,
        "requested_at": row.requested_at, "note": row.note, "closed_at": row.closed_at, "closed_by": row.closed_by, "outcome": row.outcome,
    }  # fmt: skip


def imported(found: Imported) -> dict[str, Any]:
    """What an import did or would do."""
    return {
        "dry_run": found.is_dry_run,
        "changes": [{"slug": one.slug, "change": one.change, "details": list(one.details)} for one in found.changes],
        "problems": [{"line": one.line, "field": one.field, "sentence": one.sentence} for one in found.problems],
    }


def _place(version: ReferenceVersion | None) -> dict[str, Any] | None:
    if version is None or version.is_removed:
        return None
    return {
        "kind": version.kind, "store": version.store, "remoteKey": version.remote_key, "property": version.remote_property,
        "name": version.sealed_name, "key": version.sealed_key, "value": version.value, "target_key": version.target_key,
    }  # fmt: skip
