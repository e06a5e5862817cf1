"""Creating people and binding roles."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from django.db import transaction

from controlpanel.accounts import names
from controlpanel.accounts.models import RoleBinding, User
from controlpanel.core import audit
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Role


@transaction.atomic
def user_create(
    *,
    actor: audit.Author,
    username: str,
    roles: Sequence[str],
    display_name: str = "",
    email: str = "",
    environments: Sequence[str] = (),
    tenants: Sequence[str] = (),
    password: str | None = None,
) -> tuple[User, str]:
    """Create a person and return them with a first password (generated unless given).

    Raises `InvalidError` for an unknown role or an unusable name, `ConflictError` where the name is taken.
    """
    names.check_account(username)
    names.check_display_name(display_name)
    names.check_mail(email)
    names.check_places(environments, "environments")
    names.check_places(tenants, "tenants")
    unknown = sorted(set(roles) - {role.value for role in Role})
    if unknown:
        known = ", ".join(role.value for role in Role)
        raise InvalidError(f"There is no role {', '.join(unknown)}.", f"Choose from {known}.", field="role")
    if User.objects.filter(username=username).exists():
        raise ConflictError(f"{username} exists already.", "Choose another name.", field="username")
    first = password or secrets.token_urlsafe(15)
    user = User.objects.create_user(username=username, email=email, password=first, display_name=display_name)
    RoleBinding.objects.bulk_create(
        RoleBinding(user=user, role=role, environment=environment, tenant=tenant)
        for role in dict.fromkeys(roles)
        for environment in dict.fromkeys(environments or [""])
        for tenant in dict.fromkeys(tenants or [""])
    )
    details = {"roles": list(roles), "environments": list(environments), "tenants": list(tenants)}
    message = f"{username} is {', '.join(roles)}."
    audit.record(actor=actor, action="user.create", target=username, message=message, details=details)
    return user, first
