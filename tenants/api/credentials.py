"""`/tenants/{slug}/environments/{name}/credentials`: where a tenant's secrets lie, and what waits for a promotion."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import Word
from tenants.api import shapes
from tenants.api.answers import ChangeList, ReferenceOut
from tenants.api.requests import PlaceIn
from tenants.models import Tenant
from tenants.selectors import place
from tenants.selectors.checklists import references_of
from tenants.selectors.seeing import environment_find, tenant_find
from tenants.services.references import reference_put, reference_remove

router = Router(tags=["tenants"])
PATH = "/{slug}/environments/{name}/credentials/{key}"


@router.put(
    PATH, auth=Bearer(Right.TENANT_REFERENCE), response={200: ReferenceOut, **PROBLEMS}, summary="Put a reference"
)
def credential_put(request: HttpRequest, slug: Word, name: Word, key: Word, body: PlaceIn) -> Any:
    """A place, never a secret: what looks like one is 422, with the field named, and is not stored. A pending change of the
    environment follows; the same place again changes nothing."""
    actor = actor_of(request)
    row, here = _found(actor, slug, name, Right.TENANT_REFERENCE)
    put = reference_put(
        actor=actor,
        tenant=row,
        environment=here,
        key=key,
        place=body.place(),
        owner=body.owner,
        rotation_days=body.rotation_days,
    )
    return shapes.reference(put)


@router.delete(
    PATH, auth=Bearer(Right.TENANT_REFERENCE), response={200: ReferenceOut, **PROBLEMS}, summary="Take a reference away"
)
def credential_remove(request: HttpRequest, slug: Word, name: Word, key: Word) -> Any:
    """As a pending change of the environment; the secret in its store stays."""
    actor = actor_of(request)
    row, here = _found(actor, slug, name, Right.TENANT_REFERENCE)
    return shapes.reference(reference_remove(actor=actor, tenant=row, environment=here, key=key))


@router.get(
    "/{slug}/environments/{name}/changes",
    auth=Bearer(Right.TENANT_VIEW),
    response={200: ChangeList, **PROBLEMS},
    summary="List a tenant's pending changes",
)
def change_list(request: HttpRequest, slug: Word, name: Word) -> Any:
    """References that Git does not hold as they were put, all at once."""
    row, here = _found(actor_of(request), slug, name, Right.TENANT_VIEW)
    waiting = place.pending_of(references_of(row, here))
    return {"items": [shapes.change(one.reference, here) for one in waiting], "next": None}


def _found(actor: Actor, slug: str, name: str, right: Right) -> tuple[Tenant, Environment]:
    row = tenant_find(actor, slug)
    here = environment_find(actor, name, slug)
    actor.require(right, here.name, slug)
    return row, here
