"""Tenants in rows: created, given references, promoted, verified and signed by the services that people use."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.models import RoleBinding, User
from controlpanel.catalog.loading import load_platform
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.permissions import Role
from tenants.choices import Standing, TenantState
from tenants.models import ChecklistItem, CredentialReference, SignOff, Tenant
from tenants.selectors.parts import versions
from tenants.services.promoting import LiveValue, environment_values_record, references_promoted
from tenants.services.readiness import readiness_refresh
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


COPY = """
CREATE TEMPORARY TABLE copied ON COMMIT DROP AS
  SELECT one, nextval('tenants_tenant_id_seq') AS id, %(prefix)s || lpad(one::text, 5, '0') AS slug
  FROM generate_series(1, %(count)s) AS one;
ANALYZE copied;
INSERT INTO tenants_tenant (id, slug, display_name, state, owner, contacts, labels, search_text, created_by)
  SELECT copied.id, copied.slug, 'Tenant ' || one, state, owner, contacts, labels, copied.slug || ' tenant ' || one, created_by
  FROM tenants_tenant, copied WHERE tenants_tenant.id = %(tenant)s;
INSERT INTO tenants_credentialreference (tenant_id, environment_id, key, owner, standing, message, checked_at, verified_at, verified_generation)
  SELECT copied.id, environment_id, key, owner, standing, message, checked_at, verified_at, verified_generation
  FROM tenants_credentialreference, copied WHERE tenant_id = %(tenant)s;
ANALYZE tenants_tenant, tenants_credentialreference;
INSERT INTO tenants_referenceversion (reference_id, number, kind, store, remote_key, remote_property, sealed_name, sealed_key,
    sealed_text, value, target_key, is_removed, created_by)
  SELECT new.id, 1, kind, store, copied.slug || '/' || lower(old.key), remote_property, sealed_name, sealed_key, sealed_text, value,
    copied.slug || '.' || old.key, is_removed, created_by
  FROM copied JOIN tenants_credentialreference AS new ON new.tenant_id = copied.id
  JOIN tenants_credentialreference AS old ON old.tenant_id = %(tenant)s AND old.environment_id = new.environment_id AND old.key = new.key
  JOIN tenants_referenceversion AS version ON version.id = old.newest_id;
ANALYZE tenants_referenceversion;
UPDATE tenants_credentialreference AS reference SET newest_id = version.id, promoted_id = version.id, verified_version_id = version.id
  FROM tenants_referenceversion AS version, copied WHERE reference.tenant_id = copied.id AND version.reference_id = reference.id;
INSERT INTO tenants_checklistitem (id, tenant_id, environment_id, key, type, source, release_version, is_required, is_retired,
    owner_role, position, needs_sign_off, found, state, evidence, subject, snapshot, unsignable, waived_reason, waived_by)
  SELECT gen_random_uuid(), copied.id, environment_id, key, type, source, release_version, is_required, is_retired, owner_role,
    position, needs_sign_off, found, state, evidence, subject, snapshot, unsignable, waived_reason, waived_by
  FROM tenants_checklistitem, copied WHERE tenant_id = %(tenant)s;
ANALYZE tenants_checklistitem;
INSERT INTO tenants_signoff (item_id, "by", note, subject, snapshot, part_digest, withdrawn_by)
  SELECT new.id, sign_off.by, sign_off.note, new.subject, new.snapshot, part_digest, ''
  FROM copied JOIN tenants_checklistitem AS new ON new.tenant_id = copied.id
  JOIN tenants_checklistitem AS old ON old.tenant_id = %(tenant)s AND old.environment_id = new.environment_id AND old.key = new.key AND old.type = new.type
  JOIN tenants_signoff AS sign_off ON sign_off.id = old.sign_off_id;
ANALYZE tenants_signoff;
UPDATE tenants_checklistitem AS item SET sign_off_id = sign_off.id
  FROM tenants_signoff AS sign_off, copied WHERE item.tenant_id = copied.id AND sign_off.item_id = item.id;
INSERT INTO tenants_readiness (tenant_id, environment_id, slug, state, required, met, waived, signed, stale, unsigned, pending,
    is_ready, first_missing, first_reason, signed_at, part_digest, recheck_at)
  SELECT copied.id, environment_id, copied.slug, readiness.state, required, met, waived, signed, stale, unsigned, pending, is_ready,
    first_missing, first_reason, signed_at, part_digest, recheck_at
  FROM tenants_readiness AS readiness, copied WHERE tenant_id = %(tenant)s;
DROP TABLE copied;
"""
"""Everything that a tenant has, so many times more, in the statements of a second; remote keys differ as slugs do."""


def copies(of: Tenant, count: int, prefix: str = "copy-") -> None:
    """So many tenants more with what this one has; run `readiness_refresh` where digests have to be exact."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in COPY.split(";\n"):
            if statement.strip():
                cursor.execute(statement, {"tenant": of.pk, "count": count, "prefix": prefix})
        cursor.execute("ANALYZE tenants_credentialreference, tenants_checklistitem, tenants_readiness")


def sign_copies(environment: Environment) -> None:
    """Copies are signed for as they are: their places differ from those of what they were copied from."""
    readiness_refresh(environment)
    stale = ChecklistItem.objects.filter(environment=environment, sign_off__isnull=False).exclude(
        sign_off__subject=F("subject")
    )
    rows = list(stale)
    ChecklistItem.objects.filter(pk__in=[row.pk for row in rows]).update(sign_off=None)
    SignOff.objects.filter(item__in=rows).update(withdrawn_at=Now(), withdrawn_by="ada")
    at = timezone.now()
    SignOff.objects.bulk_create(
        SignOff(item=row, by="ada", at=at, subject=row.subject, snapshot=row.snapshot, part_digest="") for row in rows
    )
    newest = SignOff.objects.filter(item=OuterRef("pk"), withdrawn_at=None).values("pk")
    ChecklistItem.objects.filter(pk__in=[row.pk for row in rows]).update(sign_off=Subquery(newest))
    readiness_refresh(environment)


def live_values(environment: Environment) -> None:
    """What is live gives the keys of the environment."""
    values = [
        LiveValue(key=key, state="set", where="backend/ConfigMap.yaml", value=f"http://{key.lower()}")
        for key in FIVE[:3]
    ]
    environment_values_record(environment, values)
