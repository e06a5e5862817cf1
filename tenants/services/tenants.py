"""Tenants come, change, are suspended and leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controlpanel.accounts.actors import Actor
from tenants.choices import TenantState
from tenants.models import Tenant


def tenant_create(
    *,
    actor: Actor,
    slug: str,
    display_name: str = "",
    owner: str = "",
    contacts: Sequence[Mapping[str, str]] = (),
    labels: Mapping[str, str] | None = None,
) -> Tenant:
    """Create a tenant that is onboarding, with a checklist in every environment.

    Raises `InvalidError` naming the field, `ConflictError` where the slug is taken by other content; the same once more
    answers the one that is there.
    """
    raise NotImplementedError


def tenant_edit(
    *,
    actor: Actor,
    tenant: Tenant,
    display_name: str | None = None,
    owner: str | None = None,
    contacts: Sequence[Mapping[str, str]] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Tenant:
    """Change what is given. Raises `InvalidError` naming the field."""
    raise NotImplementedError


def tenant_move(*, actor: Actor, tenant: Tenant, state: TenantState, reason: str = "") -> Tenant:
    """Activate, suspend or resume. Raises `ConflictError` for an illegal move."""
    raise NotImplementedError


def tenant_offboard(*, actor: Actor, tenant: Tenant, reason: str) -> Tenant:
    """Take all references away (a pending change in every environment where Git holds one) and keep all history."""
    raise NotImplementedError
