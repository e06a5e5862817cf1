"""What the API answers about tenants. Places of secrets and names of keys, never a secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field


class ReadinessOut(Schema):
    """How ready a tenant is in an environment. `first_missing` is the first key that is not met, "" for none."""

    environment: str
    ready: bool
    required: int
    met: int
    waived: int
    stale: int
    pending: int = Field(description="References that wait for a promotion of the configuration.")
    first_missing: str
    first_reason: str
    signed_at: datetime | None


class TenantOut(Schema):
    """A tenant with how ready it is in each environment that the token may see."""

    slug: str
    display_name: str
    state: str
    owner: str
    contacts: list[dict[str, str]]
    labels: dict[str, str]
    created_at: datetime
    created_by: str
    environments: list[ReadinessOut]
    url: str


class TenantList(Schema):
    """Newest first."""

    items: list[TenantOut]
    next: str | None


class PlaceOut(Schema):
    """Where a secret lies, or a value that is none; as it is put."""

    kind: str
    store: str = ""
    remoteKey: str = ""  # noqa: N815  # as it is put
    property: str = ""
    name: str = ""
    key: str = ""
    value: str = ""
    target_key: str


class VerificationOut(Schema):
    """What the newest look in the cluster found, in the operator's words."""

    standing: str
    checked_at: datetime | None
    verified_at: datetime | None
    generation: int | None
    message: str


class ReferenceOut(Schema):
    """One key of a tenant in an environment. `newest` is what was put, `promoted` what Git holds; null for nothing."""

    key: str
    newest: PlaceOut | None
    promoted: PlaceOut | None
    pending: bool
    owner: str
    rotation_days: int | None
    verification: VerificationOut


class ValueOut(Schema):
    """A key of the environment as what is live gives it: set, referenced or missing; `value` is "" for secrets."""

    state: str
    value: str
    where: str


class SignOffOut(Schema):
    """Somebody's word; `stale` says what changed since, empty for nothing."""

    by: str
    at: datetime
    note: str
    stale: list[str]


class WaiverOut(Schema):
    """Why an item counts as met, by whom, until when."""

    reason: str
    by: str
    until: datetime | None


class ItemOut(Schema):
    """One item of the checklist. `unsignable` is why it cannot be signed now, "" where it can; `subject` is the digest of what a
    sign-off binds to."""

    id: UUID
    key: str
    type: str
    source: str
    release: str
    required: bool
    state: str
    evidence: str
    owner_role: str
    reference: ReferenceOut | None
    value: ValueOut | None
    needs_sign_off: bool
    unsignable: str
    subject: str
    sign_off: SignOffOut | None
    waived: WaiverOut | None
    updated_at: datetime


class ChecklistOut(ReadinessOut):
    """A tenant's checklist in an environment."""

    tenant: str
    part_digest: str
    items: list[ItemOut]


class ChangeOut(Schema):
    """A reference whose newest version Git does not hold; `change` is new, changed or removed, `words` says from what to what."""

    tenant: str
    environment: str
    key: str
    change: str
    words: str
    by: str
    at: datetime | None


class ChangeList(Schema):
    """By tenant and key."""

    items: list[ChangeOut]
    next: str | None


class HubEventOut(Schema):
    """A test event; `state` is asked, taken, refused or unsure (it may have been taken)."""

    id: UUID
    tenant: str
    environment: str
    state: str
    message: str
    requested_by: str
    created_at: datetime
    finished_at: datetime | None


class HubOut(Schema):
    """What the hub, Redis and Prometheus said of a tenant; null where it was not read. No token, no message bodies."""

    tenant: str
    environment: str
    agents: int | None
    agents_at: datetime | None
    token_present: bool | None
    token_ttl_seconds: int | None
    stream_length: int | None
    last_event_at: datetime | None
    tail: list[dict[str, Any]]
    metrics: dict[str, Any]
    read_at: datetime | None
    error: str


class ReviewOut(Schema):
    """A request to look and sign."""

    id: UUID
    tenant: str
    environment: str
    requested_by: str
    requested_at: datetime
    note: str
    closed_at: datetime | None
    closed_by: str
    outcome: str


class ReviewList(Schema):
    """Newest first."""

    items: list[ReviewOut]
    next: str | None


class ImportedChange(Schema):
    """One tenant of the text."""

    slug: str
    change: str
    details: list[str]


class ImportProblem(Schema):
    """What is wrong with a line, without the value."""

    line: int
    field: str
    sentence: str


class ImportOut(Schema):
    """What the import did, or would do; with problems it did nothing."""

    dry_run: bool
    changes: list[ImportedChange]
    problems: list[ImportProblem]


class LookOut(Schema):
    """How many references are due for a look now."""

    references: int
