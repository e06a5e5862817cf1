"""Tenants in rows: created, given references, promoted, verified and signed by the services that people use."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import RoleBinding, User
from controlpanel.catalog.loading import load_platform
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.permissions import Role
from tenants.choices import Standing, TenantState
from tenants.models import ChecklistItem, CredentialReference, Tenant
from tenants.selectors.parts import versions
from tenants.services.promoting import references_promoted
from tenants.services.references import Edit, references_put
from tenants.services.signing import items_sign_off_all
from tenants.services.tenants import tenant_create, tenant_move
from tenants.services.verification import Verified, verifications_record

ROOT = Path(__file__).parents[1]
SECRETS = ("DOKTOR365_SECRET", "ONLYCHANNEL_ACCOUNT_TOKEN")
FIVE = ("HUB_REGISTRY_URL", "PROMETHEUS_PUSHGATEWAY_URL", "TEMPO_ENDPOINT", *SECRETS)
"""The tenant deployment checklist."""


def catalog(text: str = "") -> tuple[Environment, Environment]:
    """The reference platform's catalog in force: staging and production."""
    load_platform(actor=audit.SYSTEM, text=text or (ROOT / "platform.yaml").read_text("utf-8"), commit="c" * 40)
    return Environment.objects.get(name="staging"), Environment.objects.get(name="production")


def person(username: str, role: Role, *, tenant: str = "", environment: str = "") -> User:
    """Somebody with one role."""
    user = User.objects.create_user(username=username, email=f"{username}@example.com")
    RoleBinding.objects.create(user=user, role=role, tenant=tenant, environment=environment)
    return user


def actor(user: User) -> Actor:
    """The person at a page."""
    return Actor(name=user.username, door="page", user=user)


def as_role(role: Role, *, tenant: str = "", environment: str = "") -> Actor:
    """A new person with that role, at a page."""
    name = f"{role.name.lower()}-{tenant or 'all'}-{environment or 'everywhere'}-{secrets.token_hex(3)}"
    return actor(person(name, role, tenant=tenant, environment=environment))


def external(slug: str, key: str, **changed: Any) -> dict[str, Any]:
    """A place in the store, as the API takes it."""
    what = key.lower().replace("_", "-")
    return {"kind": "ExternalSecret", "store": "vault", "remoteKey": f"{slug}/{what}", **changed}


def tenant(slug: str, *, by: Actor, state: TenantState = TenantState.ACTIVE, **fields: Any) -> Tenant:
    """A tenant without references."""
    made = tenant_create(actor=by, slug=slug, **fields)
    return made if state == TenantState.ONBOARDING else tenant_move(actor=by, tenant=made, state=state)


def put(of: Tenant, environment: Environment, *, by: Actor, keys: tuple[str, ...] = SECRETS, **changed: Any) -> None:
    """References to its secrets."""
    edits = [Edit(environment=environment.name, key=key, place=external(of.slug, key, **changed)) for key in keys]
    references_put(actor=by, tenant=of, edits=edits)


def promote(environment: Environment) -> list[str]:
    """Git holds what was put last."""
    return references_promoted(environment, versions(environment))


def verify(
    environment: Environment, *, standing: Standing = Standing.VERIFIED, message: str = "", **of: Any
) -> list[str]:
    """All promoted references (or those of a lookup) were looked at."""
    rows = CredentialReference.objects.filter(environment=environment, promoted__is_removed=False, **of)
    looks = [
        Verified(reference=row.pk, standing=standing, version=row.promoted_id, generation=1, message=message)
        for row in rows
    ]
    return verifications_record(environment, looks)


def ready(slug: str, environment: Environment, *, by: Actor) -> Tenant:
    """An active tenant whose five items are met in the environment."""
    made = tenant(slug, by=by)
    put(made, environment, by=by)
    promote(environment)
    verify(environment, tenant=made)
    items_sign_off_all(actor=by, tenant=made, environment=environment)
    return made


def item(of: Tenant, environment: Environment, key: str) -> ChecklistItem:
    """One item, read anew."""
    return ChecklistItem.objects.select_related("tenant", "environment", "sign_off").get(
        tenant=of, environment=environment, key=key
    )
