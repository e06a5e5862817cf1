"""`/audit`: who did what, when and why."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from pydantic import Field

from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.core.keyset import Cursor, Limit, listed, portion
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.views.streaming import download
from controlpanel.core.words import Word
from deployments.api import shapes
from deployments.api.answers import AuditEventOut, AuditList
from deployments.selectors import audits
from deployments.selectors.audit_export import CONTENT_TYPES, Format, exported

router = Router(tags=["audit"])


Sequence = Annotated[int, Field(ge=1, lt=10**18)]
FILES = {"responses": {200: {"content": {kind: {"schema": {"type": "string"}} for kind in CONTENT_TYPES.values()}}}}


@router.get("", auth=Bearer(Right.AUDIT_VIEW), response={200: AuditList, **PROBLEMS}, summary="List events")
def audit_list(
    request: HttpRequest,
    limit: Limit = 50,
    cursor: Cursor = "",
    text: Word = "",
    environment: Word = "",
    action: Word = "",
    actor: Word = "",
    target: Word = "",
    door: Word = "",
    promotion: uuid.UUID | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Any:
    """Newest first, of the environments that the token may see; events of none in particular where it sees all. `text` is words of
    subject and message; `action` may be a family such as promotion; `since` and `until` are days, both included."""
    sought = audits.Sought(
        text=text, who=actor, action=action, environment=environment, target=target, door=door, promotion=promotion, since=since, until=until
    )  # fmt: skip
    rows = audits.entries(actor_of(request), sought)
    return listed(*portion(rows, by="sequence", cursor=cursor, limit=limit), shapes.audit_event)


@router.get(
    "/export", auth=Bearer(Right.AUDIT_VIEW), response={200: Any, **PROBLEMS}, summary="All events as a file", openapi_extra=FILES
)  # fmt: skip
def audit_export(
    request: HttpRequest,
    format: Format = "jsonl",
    text: Word = "",
    environment: Word = "",
    action: Word = "",
    actor: Word = "",
    target: Word = "",
    door: Word = "",
    since: date | None = None,
    until: date | None = None,
) -> Any:
    """Oldest first, with both hashes of each, sent as it is read."""
    sought = audits.Sought(
        text=text, who=actor, action=action, environment=environment, target=target, door=door, since=since, until=until
    )
    rows = exported(audits.entries(actor_of(request), sought), format)
    name = f"audit-{timezone.localdate():%Y-%m-%d}.{format}"
    return download(request, rows, filename=name, content_type=CONTENT_TYPES[format])


@router.get(
    "/{sequence}", auth=Bearer(Right.AUDIT_VIEW), response={200: AuditEventOut, **PROBLEMS}, summary="Read an event"
)
def audit_read(request: HttpRequest, sequence: Sequence) -> Any:
    """By its place in the chain."""
    return shapes.audit_event(audits.entry(actor_of(request), sequence))
