"""Acts that somebody had no right to: who tried what, through which door, is kept like an act."""

from __future__ import annotations

import asyncio

from django.db import DatabaseError
from django.http import HttpRequest

from controlpanel.core import audit
from controlpanel.core.errors import UserError
from controlpanel.core.words import is_fit

ACTION = "refused"
READS = ("GET", "HEAD", "OPTIONS")


def keep(request: HttpRequest, error: UserError) -> None:
    """Record a refused act; looking where one may not look is none. After the refused act's transaction has ended."""
    refused = error.refused
    if refused is None or request.method in READS or _is_asynchronous():
        return
    path = request.path if is_fit(request.path) else ""
    details = {"right": refused.right, "method": request.method, "path": path[:200]}
    if refused.tenant:
        details["tenant"] = refused.tenant
    try:
        audit.record(
            actor=refused.actor, action=ACTION, target=refused.right, environment=refused.environment[:63], message=error.sentence, details=details
        )  # fmt: skip
    except DatabaseError:  # a server that takes no writing: the refusal stands all the same
        return


def _is_asynchronous() -> bool:
    """Whether an event loop runs here, which no database may be asked in: of what the API does so, nothing acts (previews, streams)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
