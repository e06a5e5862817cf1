"""`/environments/{name}/tenant-changes`: what a promotion of the tenants' configuration would carry."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.core.keyset import Limit
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import Word
from tenants.api import shapes
from tenants.api.answers import ChangeList
from tenants.selectors import place
from tenants.selectors.seeing import environment_find

router = Router(tags=["tenants"])
Behind = Annotated[str, Field(max_length=170, description="`next` of the portion before.")]


@router.get(
    "/{name}/tenant-changes",
    auth=Bearer(Right.TENANT_VIEW),
    response={200: ChangeList, **PROBLEMS},
    summary="List pending changes",
)
def tenant_changes(request: HttpRequest, name: Word, limit: Limit = 50, cursor: Behind = "") -> Any:
    """By tenant and key, of the tenants that the token may see. A promotion of the kind `tenant_config` carries all of them."""
    actor = actor_of(request)
    environment = environment_find(actor, name)
    rows, following = place.changes(actor, environment, cursor=cursor, limit=limit)
    return {"items": [shapes.change(row, environment) for row in rows], "next": following}
