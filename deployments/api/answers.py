"""What the API answers: shapes that others depend on. Members may be added, never renamed or removed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema


class SourceOut(Schema):
    commit: str


class ReleaseOut(Schema):
    version: str
    source: SourceOut
    images: dict[str, str]
    notes: str
    title: str
    created_by: str
    created_at: datetime


class GateOut(Schema):
    gate: str
    title: str
    verdict: str
    reason: str
    owner: str
    remedy: str
    opens_at: datetime | None


class ChangeOut(Schema):
    component: str
    kind: str
    namespace: str
    name: str
    change: str
    diff: str
    problems: list[str] = Field(default=[], description="What the cluster's API server says against this object.")


class TenantsOut(Schema):
    total: int
    ready: int
    blocked: list[dict[str, Any]]


class PreflightOut(Schema):
    id: UUID
    state: str
    kind: str
    release: str | None
    environment: str
    render_digest: str
    digests: dict[str, str] = Field(
        description='That of the "components" and that of the "tenants" part, where it has them.'
    )
    changes: list[ChangeOut]
    gates: list[GateOut]
    variables: list[dict[str, Any]]
    findings: list[dict[str, str]]
    tenants: TenantsOut
    losses: list[dict[str, Any]] = Field(description="What a rollback would take from tenants: slug and keys.")
    waves: list[list[str]]
    error: str
    remedy: str
    url: str


class WaveOut(Schema):
    number: int
    components: list[str]
    state: str
    commit: str


class ApplicationOut(Schema):
    name: str
    component: str
    sync: str
    health: str
    operation: str
    revision: str
    message: str


class ApplicationDetailOut(ApplicationOut):
    images: list[str]
    pods: list[dict[str, Any]]
    blocking: dict[str, Any] | None
    is_missing: bool
    observed_at: datetime | None


class BlockingOut(Schema):
    kind: str
    namespace: str
    name: str
    message: str


class ApprovalOut(Schema):
    by: str
    decision: str
    digest: str
    comment: str
    at: datetime
    counts: bool
    why_not: str


class ApprovalsOut(Schema):
    required: int
    roles: list[str]
    given: int
    items: list[ApprovalOut]


class EventOut(Schema):
    sequence: int
    at: datetime
    type: str
    actor: str
    message: str


class IssueOut(Schema):
    cause: str
    sentence: str
    effect: str
    advice: str


class EvidenceOut(Schema):
    tenant: str = Field(description='"" where it is of the whole environment.')
    proof: str
    samples: int
    failures: int
    request: str
    answer: str
    trace_id: str
    at: datetime | None


class VerificationOut(Schema):
    name: str
    type: str
    title: str
    state: str = Field(description="running, passed, failed, ignored or skipped (nobody could be asked).")
    run: int
    rounds: int
    total: int
    passing: int
    note: str
    ignored_by: str
    ignored_reason: str
    began_at: datetime
    finished_at: datetime | None
    failed: list[EvidenceOut] = Field(description="Up to 50 that did not pass, with request, answer and trace id.")


class EvidenceList(Schema):
    items: list[EvidenceOut]
    next: str | None


class LiveOut(Schema):
    revision: str
    git_revision: str
    confidence: str


class RestoredOut(Schema):
    id: UUID
    number: int
    commit: str


class PromotionOut(Schema):
    id: UUID
    number: int
    kind: str
    state: str
    release: str | None
    environment: str
    requested_by: str
    reason: str
    render_digest: str
    commit: str
    restores: RestoredOut | None
    waves: list[WaveOut]
    applications: list[ApplicationOut]
    blocking: list[BlockingOut]
    gates: list[GateOut]
    events: list[EventOut]
    url: str
    issue: IssueOut | None
    approvals: ApprovalsOut | None = Field(description="Who has to approve and who has; null where nobody is asked.")
    findings: list[dict[str, str]] = Field(description="Objects that fail and yet stopped nothing: tenants' secrets.")
    verifications: list[VerificationOut]
    note: str
    claimed_by: str
    live: LiveOut
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ActiveOut(Schema):
    id: UUID
    number: int
    state: str
    release: str | None


class EnvironmentOut(Schema):
    name: str
    title: str
    after: str
    branch: str
    confirm_by_name: bool
    gates: list[str]
    release: str | None
    promotion: ActiveOut | None
    active: ActiveOut | None
    applications: dict[str, int]


class FreezeOut(Schema):
    id: UUID
    reason: str
    environment: str = Field(description="Empty for all; the same for component and tenant.")
    component: str
    tenant: str
    starts_at: datetime | None
    ends_at: datetime | None
    cron: str
    lasts_minutes: int | None
    time_zone: str
    created_by: str
    created_at: datetime
    lifted_by: str
    lifted_at: datetime | None
    holds: bool
    holds_until: datetime | None = Field(description="Null where it does not hold, and where no end is in sight.")
    next_start: datetime | None


class FreezeList(Schema):
    items: list[FreezeOut]
    next: str | None


class PlanOut(Schema):
    id: UUID
    environment: str
    release: str | None
    components: list[str]
    reason: str
    requested_by: str
    at: datetime
    state: str
    outcome: str
    promotion: int | None = Field(description="The number of the promotion that came of it.")


class PlanList(Schema):
    items: list[PlanOut]
    next: str | None


class HoldOut(Schema):
    release: str
    environment: str
    reason: str
    created_by: str
    lifted_by: str


class HoldList(Schema):
    items: list[HoldOut]
    next: str | None


class AuditEventOut(Schema):
    sequence: int
    at: datetime
    actor: str
    door: str
    action: str
    environment: str
    target: str
    message: str
    details: dict[str, Any]
    promotion: UUID | None
    previous_hash: str
    hash: str


class ReleaseList(Schema):
    items: list[ReleaseOut]
    next: str | None


class PromotionList(Schema):
    items: list[PromotionOut]
    next: str | None


class EnvironmentList(Schema):
    items: list[EnvironmentOut]
    next: str | None


class ApplicationList(Schema):
    items: list[ApplicationDetailOut]
    next: str | None


class AuditList(Schema):
    items: list[AuditEventOut]
    next: str | None
