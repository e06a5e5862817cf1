"""Where whoever has rights over single tenants alone may say that a secret lies: a store gives what it is asked for, also others'."""

from __future__ import annotations

from collections.abc import Mapping

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import InvalidError
from controlpanel.core.permissions import Right
from tenants.choices import ReferenceKind
from tenants.models import CredentialReference, Tenant
from tenants.parts import Reference

TENANT = "{tenant}"
Place = Mapping[str, str]


def require_own_place(*, actor: Actor, tenant: Tenant, environment: Environment, reference: Reference) -> None:
    """Raises `InvalidError` for a place outside of those that the catalog gives the tenant (`reference` of its variables);
    an operator may put any, and what stands may be put again."""
    if reference.kind != ReferenceKind.EXTERNAL_SECRET or actor.may(Right.TENANT_EDIT, environment.name, tenant.slug):
        return
    usual = _usual(reference.key)
    if any(_is_within(reference, place, tenant.slug, environment.name) for place in usual):
        return
    if not _stands(tenant, environment, reference):
        where = "; ".join(
            f"{_filled(_head(one), tenant.slug, environment.name)} in {_filled(one['store'], tenant.slug, environment.name)}"
            for one in usual
        )
        raise InvalidError(
            f"That place is not one of {tenant.slug} in {environment.name}.",
            f"{f'Name one of {where}' if where else 'The catalog gives its tenants none'}, or ask an operator to put it.",
            field="remoteKey",
        )  # fmt: skip


def _usual(key: str) -> list[Place]:
    """The key's own place in the catalog, else those of all keys."""
    variables = current_document().variables if current_version() else ()
    places = {one.key: one.reference for one in variables if one.reference.get("store")}
    return [places[key]] if key in places else list(places.values())


def _is_within(reference: Reference, place: Place, slug: str, environment: str) -> bool:
    """Below the tenant's own folder; where its name is only a part of one, exactly what the catalog says."""
    store, head, inner = (
        _filled(text, slug, environment) for text in (place["store"], _head(place), place.get("property", ""))
    )
    if reference.store != store:
        return False
    if _has_folder(place):
        return reference.remote_key == head or reference.remote_key.startswith(f"{head}/")
    return (reference.remote_key, reference.remote_property) == (head, inner)


def _has_folder(place: Place) -> bool:
    return TENANT in place.get("remoteKey", "").split("/")


def _head(place: Place) -> str:
    """The remote key up to the tenant's folder, or all of it where the tenant has no folder of its own."""
    remote = place.get("remoteKey", "")
    return f"{remote.partition(TENANT)[0]}{TENANT}" if _has_folder(place) else remote


def _filled(text: str, slug: str, environment: str) -> str:
    return text.replace(TENANT, slug).replace("{environment}", environment)


def _stands(tenant: Tenant, environment: Environment, reference: Reference) -> bool:
    rows = CredentialReference.objects.filter(tenant=tenant, environment=environment, key=reference.key)
    row = rows.select_related("newest").first()
    newest = row.newest if row else None
    return newest is not None and not newest.is_removed and newest.place(reference.key) == reference.place
