"""Every event that the audit may hold, by name, and how it is called in a subject. A test holds the code against this table.

Routes of the catalog may name these and no others, so that no typo stays unheard.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from controlpanel.catalog.current import FILENAME
from controlpanel.catalog.document import CatalogDocument
from controlpanel.catalog.errors import Problem
from controlpanel.catalog.schema import nearest
from controlpanel.core.models import AuditEvent
from deployments.choices import Kind, State
from deployments.models import Promotion

STARTED, ROLLED_BACK = "promotion.started", "promotion.rolled_back"
EVENTS: dict[str, str] = {
    **{f"promotion.{state.value}": state.label.lower() for state in State},
    "promotion.awaiting_approval": "waits for approval",
    STARTED: "started",
    ROLLED_BACK: "rolled back",
    "promotion.approved": "approved",
    "promotion.approve_refused": "an approval was refused",
    "promotion.reject_refused": "a rejection was refused",
    "promotion.approvals_voided": "approvals voided",
    "promotion.emergency_confirmed": "emergency confirmed",
    "promotion.emergency_unconfirmed": "emergency not confirmed in time",
    "promotion.planned": "planned for later",
    "promotion.plan_canceled": "plan called off",
    "promotion.plan_refused": "plan refused",
    "release.held": "release held back",
    "release.let_go": "release let go",
    "freeze.set": "freeze set",
    "freeze.lifted": "freeze lifted",
    "promotion.announced": "the hub was told",
    "promotion.claimed": "somebody is on it",
    "promotion.gate_overridden": "a gate was overridden",
    "promotion.late_operation": "an operation landed late",
    "promotion.refused": "refused",
    "promotion.verification_failed": "verification failed",
    "promotion.rolled_back_by_policy": "rolled back by policy",
    "promotion.rollback_refused": "rollback by policy not possible",
    "release.create": "release made",
    "application.refresh": "refresh asked for",
    "application.restart": "restart asked for",
    "application.restart_ended": "restart ended",
    "tenant.create": "tenant added",
    "tenant.edit": "tenant changed",
    "tenant.onboarding": "tenant is onboarding again",
    "tenant.active": "tenant active",
    "tenant.suspended": "tenant suspended",
    "tenant.offboard": "tenant offboarded",
    "tenant.import": "tenants imported",
    "tenant.references": "references changed",
    "tenant.promoted": "references promoted",
    "tenant.look": "references looked at",
    "tenant.verification": "what the cluster says changed",
    "tenant.sign_off": "signed off",
    "tenant.sign_off_withdrawn": "sign-off withdrawn",
    "tenant.waive": "waived",
    "tenant.unwaive": "waiver ended",
    "tenant.waiver_lapsed": "waiver lapsed",
    "tenant.review_request": "sign-off asked for",
    "tenant.review_close": "review closed",
    "tenant.test_event": "test event sent",
    "tenant.test_event_ended": "test event ended",
    "token.create": "token made",
    "token.revoke": "token revoked",
    "token.expiring": "token expires soon",
    "user.create": "person added",
    "user.sign_in": "signed in",
    "user.password": "password changed",
    "user.sessions_end": "sessions ended",
    "catalog.load": "catalog in force",
    "catalog.refuse": "catalog refused",
    "bootstrap": "bootstrapped",
    "notification.test": "test",
    "notification.replay": "message sent again",
    "audit.broken": "audit chain broken",
    "refused": "an act without the right",
}
ALIASES = {f"promotion.{State.RENDERING.value}": STARTED}
"""A route may call these by what people call them."""


def name_of(event: AuditEvent, promotion: Promotion | None) -> str:
    """What the event is called outside."""
    if (
        promotion is not None
        and promotion.kind == Kind.ROLLBACK
        and event.action == f"promotion.{State.SUCCEEDED.value}"
    ):
        return ROLLED_BACK
    return ALIASES.get(event.action, event.action)


def words_of(name: str) -> str:
    """How a subject calls it."""
    return EVENTS.get(name) or name.replace(".", " ").replace("_", " ")


def unknown_events(document: CatalogDocument) -> Iterator[Problem]:
    """A problem for each event of a route that nothing ever writes."""
    for route in document.notifications.routes:
        for pattern, line in zip(route.events, route.lines, strict=True):
            if not any(fnmatchcase(name, pattern) for name in EVENTS):
                remedy = nearest(pattern, list(EVENTS), otherwise="docs/notifications.md lists all events.")
                yield Problem(FILENAME, line, f"A route waits for “{pattern}”, which never happens.", remedy)
