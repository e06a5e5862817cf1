"""Making, reading and revoking API tokens (`cp_…`)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta

from axes.helpers import get_client_ip_address
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from controlpanel.accounts import names
from controlpanel.accounts.models import ApiToken, User
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Scope

PREFIX = "cp_"
SOON, EXPIRING = timedelta(days=7), "token.expiring"


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash; the key makes a stolen table useless (ASVS 5.0 6.5.2).
    return hmac.new(settings.SECRET_KEY.encode(), secret.encode(), hashlib.sha256).hexdigest()


@transaction.atomic
def token_create(
    *,
    actor: audit.Author,
    name: str,
    scopes: Sequence[str],
    user: User | None = None,
    environments: Sequence[str] = (),
    tenants: Sequence[str] = (),
    expires_in: timedelta = timedelta(days=90),
) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which is shown this once.

    Raises `InvalidError` for an unusable name, an unknown scope or a bad expiry, `ConflictError` for a name in use.
    """
    names.check_token(name, user.username if user else "")
    names.check_places(environments, "environments")
    names.check_places(tenants, "tenants")
    unknown = sorted(set(scopes) - {scope.value for scope in Scope})
    if unknown or not scopes:
        known = ", ".join(scope.value for scope in Scope)
        raise InvalidError(
            f"There is no scope {', '.join(unknown) or '(none given)'}.", f"Choose from {known}.", field="scopes"
        )
    if not timedelta(0) < expires_in <= timedelta(days=366):
        raise InvalidError(
            "A token must expire within a year.", "Give a number of days from 1 to 366.", field="expires"
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    try:
        with transaction.atomic():  # a second click may come at the same moment
            token = ApiToken.objects.create(
                name=name, user=user, created_by=getattr(actor, "user", None), digest=_digest(secret), scopes=list(scopes), environments=list(environments),
                tenants=list(tenants), expires_at=timezone.now() + expires_in,
            )  # fmt: skip
    except IntegrityError:
        raise ConflictError(
            f"A token called {name} exists.", "Choose another name or revoke that one.", field="name"
        ) from None
    details = {
        "scopes": list(scopes), "environments": list(environments), "tenants": list(tenants), "for": user.username if user else "",
        "expires_at": token.expires_at.isoformat(timespec="seconds"),
    }  # fmt: skip
    message = f"Token {name} with {', '.join(scopes)}."
    audit.record(actor=actor, action="token.create", target=name, message=message, details=details)
    return token, secret


def token_read(secret: str, request: HttpRequest | None = None) -> ApiToken | None:
    """The live token with this secret, or None. Notes its use, to the minute, and the address of who asks."""
    if not secret.startswith(PREFIX):
        return None
    token = ApiToken.live().prefetch_related("user__bindings").filter(digest=_digest(secret)).first()
    if token is not None and (token.last_used_at is None or timezone.now() - token.last_used_at > timedelta(minutes=1)):
        address = get_client_ip_address(request) if request is not None else None
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now(), last_used_from=(address or "")[:45])
    return token


@transaction.atomic
def tokens_expiring_tell() -> int:
    """Tell of each token that ends soon, once: within a week, or a quarter of its life where that is shorter. Returns how many."""
    now = timezone.now()
    soon = (
        ApiToken.live()
        .filter(expires_at__lt=now + SOON)
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
    )
    told = 0
    for token in list(soon):
        if token.expires_at - now < min(SOON, (token.expires_at - token.created_at) / 4) and not _was_told(token):
            message = f"Token {token.name} ends at {token.expires_at:%Y-%m-%d %H:%M} UTC. Make another one before, and revoke this one."
            audit.record(actor=audit.SYSTEM, action=EXPIRING, target=token.name, message=message)
            told += 1
    return told


def _was_told(token: ApiToken) -> bool:
    return AuditEvent.objects.filter(action=EXPIRING, target=token.name, at__gte=token.created_at).exists()


@transaction.atomic
def token_revoke(*, actor: audit.Author, token: ApiToken) -> None:
    """Revoke at once; revoking twice changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
        message = f"Token {token.name} is revoked."
        audit.record(
            actor=actor,
            action="token.revoke",
            target=token.name,
            message=message,
            details={"state": {"from": "live", "to": "revoked"}},
        )
