"""Reading API tokens for their page."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import ApiToken, User
from controlpanel.core.errors import AbsentError
from controlpanel.core.permissions import RIGHTS, SCOPES, Right, Role, Scope

SOON = timedelta(days=14)
ENDED_SHOWN = timedelta(days=30)
"""For how long a token that was revoked or ran out stays in the list."""


def may_see_all(actor: Actor) -> bool:
    """Whether the tokens of everybody, and of machines, are this person's business."""
    return actor.may(Right.ADMINISTER, "")


def tokens_seen_by(actor: Actor) -> QuerySet[ApiToken]:
    """The person's own tokens; of everybody for administrators. Those that ended long ago are left out."""
    since = timezone.now() - ENDED_SHOWN
    recent = Q(expires_at__gt=since) & (Q(revoked_at=None) | Q(revoked_at__gt=since))
    rows = ApiToken.objects.filter(recent).select_related("user").order_by("-created_at")
    return rows if may_see_all(actor) else rows.filter(user=actor.user)


def token_of_page(actor: Actor, identifier: str) -> ApiToken:
    """One of them. Raises `AbsentError` for an absent or foreign one."""
    row = tokens_seen_by(actor).filter(pk=identifier).first()
    if row is None:
        raise AbsentError("There is no such token, or it is not yours to see.", "See the list of tokens.")
    return row


def scopes_for(user: User | None) -> list[Scope]:
    """What a token of this person can be good for: scopes that give no right that all their roles together lack. That for
    tenants is for whoever has to do with one: it holds rights of several roles, and none has them all."""
    rights = frozenset[Right]().union(*(RIGHTS[Role(row.role)] for row in user.bindings.all())) if user else frozenset()
    of_tenants = {Scope.TENANTS} if Right.TENANT_CHECK in rights else set()
    return [scope for scope in Scope if SCOPES[scope] <= rights or scope in of_tenants]


def state_of(token: ApiToken) -> str:
    """A word of the vocabulary `token`."""
    now = timezone.now()
    if token.revoked_at is not None:
        return "revoked"
    if token.user is not None and not token.user.is_active:
        return "off"
    if token.expires_at <= now:
        return "expired"
    if token.expires_at <= now + SOON:
        return "soon"
    return "active" if token.last_used_at else "unused"
