"""What people see and change of their own account: what they may do, their sessions, their password."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import RoleBinding, Session, User
from controlpanel.core import audit
from controlpanel.core.permissions import OF_TENANTS, RIGHTS, Right, Role

MOST_SESSIONS = 50
MOST_ADMINISTRATORS = 5
WORDS: dict[Right, str] = {
    Right.VIEW: "see releases, promotions and Applications",
    Right.PROMOTION_REQUEST: "promote",
    Right.PROMOTION_RETRY: "retry, abort, claim and ignore",
    Right.PROMOTION_ROLL_BACK: "roll back",
    Right.APPLICATION_RESTART: "restart workloads and read logs",
    Right.PROMOTION_APPROVE: "approve and override gates",
    Right.RELEASE_CREATE: "make releases",
    Right.AUDIT_VIEW: "read the audit log",
    Right.CATALOG_VIEW: "see the catalog",
    Right.TENANT_VIEW: "see tenants",
    Right.TENANT_EDIT: "add and change tenants",
    Right.TENANT_REFERENCE: "edit references to credentials",
    Right.TENANT_SIGN_OFF: "sign checklists off",
    Right.TENANT_WAIVE: "waive items",
    Right.ADMINISTER: "administer the panel",
}
"""What each right that is worth telling lets people do; the others come with one of these."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """One role of a person: where it holds, and what it lets them do there in words."""

    role: str
    where: str
    rights: tuple[str, ...]


def given_to(actor: Actor) -> list[Given]:
    """The person's roles in words, in the order in which they were bound."""
    return [Given(role=row.role, where=_where(row), rights=_words(row)) for row in actor.bindings]


def administrators() -> list[str]:
    """Names of people who can give rights: bound to everything, and not switched off."""
    bound = User.objects.filter(
        is_active=True, bindings__role=Role.ADMINISTRATOR, bindings__environment="", bindings__tenant=""
    )
    return [str(user) for user in bound.distinct().order_by("username")[:MOST_ADMINISTRATORS]]


def sessions_of(user: User) -> list[Session]:
    """Where the person is signed in now, newest first."""
    return list(
        Session.objects.filter(user=user, expire_date__gt=timezone.now()).order_by("-started_at")[:MOST_SESSIONS]
    )


def mark_of(row: Session) -> str:
    """What stands for a session in a page: its key itself signs in whoever has it."""
    return hashlib.sha256(f"session {row.session_key}".encode()).hexdigest()[:24]


@transaction.atomic
def sessions_end(*, actor: Actor, keep: str, only: str = "") -> int:
    """End the person's sessions but `keep`, or `only` that one (by its mark). Returns how many."""
    rows = Session.objects.filter(user=actor.user).exclude(session_key=keep)
    keys = [row.session_key for row in rows.select_for_update() if not only or mark_of(row) == only]
    if keys:
        Session.objects.filter(session_key__in=keys).delete()
        count = f"{len(keys)} session{'s' if len(keys) != 1 else ''}"
        audit.record(actor=actor, action="user.sessions_end", target=actor.name, message=f"Ended {count} of their own.")
    return len(keys)


@transaction.atomic
def password_change(*, actor: Actor, user: User, password: str) -> None:
    """Set a new password; every session ends with it, except one that takes over the new mark at once."""
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.record(actor=actor, action="user.password", target=user.username, message="Changed their own password.")


def _where(row: RoleBinding) -> str:
    places = [
        f"the environment {row.environment}" if row.environment else "",
        f"the tenant {row.tenant}" if row.tenant else "",
    ]
    return " and ".join(filter(None, places)) or "everywhere"


def _words(row: RoleBinding) -> tuple[str, ...]:
    rights = RIGHTS[Role(row.role)] & (OF_TENANTS if row.tenant else frozenset(Right))
    return tuple(words for right, words in WORDS.items() if right in rights)
