"""Sign-offs and waivers of checklist items."""

from __future__ import annotations

from datetime import datetime

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from tenants.models import ChecklistItem, Tenant


def item_sign_off(*, actor: Actor, item: ChecklistItem, note: str = "") -> ChecklistItem:
    """Give one's word for what the item says now. Raises `ConflictError` where there is nothing yet to sign for (the reference
    is missing, not promoted or fails). Signing the same twice changes nothing."""
    raise NotImplementedError


def item_sign_off_withdraw(*, actor: Actor, item: ChecklistItem, reason: str = "") -> ChecklistItem:
    """Take a sign-off back. Raises `ConflictError` where none stands."""
    raise NotImplementedError


def items_sign_off_all(
    *, actor: Actor, tenant: Tenant, environment: Environment, note: str = ""
) -> list[ChecklistItem]:
    """Sign every item that is not signed or stale. Raises `ConflictError` naming the first that cannot be signed."""
    raise NotImplementedError


def item_waive(*, actor: Actor, item: ChecklistItem, reason: str, until: datetime) -> ChecklistItem:
    """Let the item count as met until then. Raises `InvalidError` for a short reason or a moment that is past or further than
    90 days away."""
    raise NotImplementedError


def item_unwaive(*, actor: Actor, item: ChecklistItem) -> ChecklistItem:
    """End a waiver. Raises `ConflictError` where none holds."""
    raise NotImplementedError
