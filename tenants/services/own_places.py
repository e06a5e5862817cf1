"""Where whoever has rights over single tenants alone may say that a secret lies: a store gives what it is asked for, also others'."""

from __future__ import annotations

from dataclasses import dataclass

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.document import VariableSpec
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import InvalidError
from controlpanel.core.permissions import Right
from tenants.choices import ReferenceKind
from tenants.models import CredentialReference, Tenant
from tenants.parts import Reference

TENANT = "{tenant}"


@dataclass(frozen=True, kw_only=True)
class Usual:
    """Where the catalog keeps a key of one tenant: in a `store`, all that lies below `head`, or exactly `head` and `inner` where the
    tenant has no folder of its own."""

    store: str
    head: str
    inner: str
    has_folder: bool

    def holds(self, reference: Reference) -> bool:
        """Whether the reference names such a place."""
        if reference.store != self.store:
            return False
        if self.has_folder:
            return reference.remote_key == self.head or reference.remote_key.startswith(f"{self.head}/")
        return (reference.remote_key, reference.remote_property) == (self.head, self.inner)


def require_own_place(*, actor: Actor, tenant: Tenant, environment: Environment, reference: Reference) -> None:
    """Raises `InvalidError` for a place outside of those that the catalog gives the tenant (`reference` of its variables);
    an operator may put any, and what stands may be put again."""
    if reference.kind != ReferenceKind.EXTERNAL_SECRET or actor.may(Right.TENANT_EDIT, environment.name, tenant.slug):
        return
    places = [_usual(one, tenant.slug, environment.name) for one in _variables(reference.key)]
    if any(place.holds(reference) for place in places) or _stands(tenant, environment, reference):
        return
    where = "; ".join(f"{place.head} in {place.store}" for place in places)
    raise InvalidError(
        f"That place is not one of {tenant.slug} in {environment.name}.",
        f"{f'Name one of {where}' if where else 'The catalog gives its tenants none'}, or ask an operator to put it.",
        field="remoteKey",
    )


def _variables(key: str) -> list[VariableSpec]:
    """The key itself where the catalog says its place, else all keys of which it does."""
    known = current_document().variables if current_version() else ()
    placed = [one for one in known if one.reference.get("store")]
    return [one for one in placed if one.key == key] or placed


def _usual(variable: VariableSpec, slug: str, environment: str) -> Usual:
    place, parts = variable.reference_for(slug, environment), variable.reference.get("remoteKey", "").split("/")
    remote, has_folder = place.get("remoteKey", ""), TENANT in parts
    if has_folder:
        remote = "/".join(remote.split("/")[: parts.index(TENANT) + 1])
    return Usual(store=place["store"], head=remote, inner=place.get("property", ""), has_folder=has_folder)


def _stands(tenant: Tenant, environment: Environment, reference: Reference) -> bool:
    rows = CredentialReference.objects.filter(tenant=tenant, environment=environment, key=reference.key)
    row = rows.select_related("newest").first()
    newest = row.newest if row else None
    return newest is not None and not newest.is_removed and newest.place(reference.key) == reference.place
