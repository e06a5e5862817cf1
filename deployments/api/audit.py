"""`/audit`: who did what, when and why."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest
from ninja import Router

from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.core.keyset import Cursor, Limit, listed, portion
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import Word
from deployments.api import shapes
from deployments.api.answers import AuditList
from deployments.selectors.interface import audit_seen_by

router = Router(tags=["audit"])


@router.get("", auth=Bearer(Right.AUDIT_VIEW), response={200: AuditList, **PROBLEMS}, summary="List events")
def audit_list(
    request: HttpRequest,
    limit: Limit = 50,
    cursor: Cursor = "",
    environment: Word = "",
    action: Word = "",
    actor: Word = "",
    promotion: uuid.UUID | None = None,
) -> Any:
    """Newest first, of the environments that the token may see; events of none in particular where it sees all."""
    wanted = {"environment": environment, "action": action, "actor": actor, "promotion": promotion}
    rows = audit_seen_by(actor_of(request)).filter(**{name: value for name, value in wanted.items() if value})
    return listed(*portion(rows, by="sequence", cursor=cursor, limit=limit), shapes.audit_event)
