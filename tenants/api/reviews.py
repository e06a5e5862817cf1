"""`/reviews` and `/imports`: asking for sign-offs, and many tenants at once."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Router
from ninja.responses import Status

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.accounts.once import once
from controlpanel.core.keyset import Limit
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import KEY, Key, Word
from tenants.api import shapes
from tenants.api.answers import ImportOut, ReviewList, ReviewOut
from tenants.api.requests import ImportIn, NoteIn
from tenants.selectors.checklists import review_find
from tenants.selectors.requests import reviews_portion
from tenants.selectors.seeing import environment_find, tenant_find
from tenants.services import reviews as services
from tenants.services.importing import tenants_import

router = Router(tags=["tenants"])
of_tenant = Router(tags=["tenants"])
imports = Router(tags=["tenants"])
Note = Annotated[NoteIn, Body()]
NO_NOTE = NoteIn()


@router.get("", auth=Bearer(Right.TENANT_VIEW), response={200: ReviewList, **PROBLEMS}, summary="List review requests")
def review_list(request: HttpRequest, limit: Limit = 50, cursor: Word = "", is_open: bool | None = None) -> Any:
    """Newest first, of the tenants that the token may see."""
    found, following = reviews_portion(actor_of(request), is_open=is_open, cursor=cursor, limit=limit)
    return {"items": [shapes.review(row) for row in found], "next": following}


@router.post(
    "/{review}/close",
    auth=Bearer(Right.TENANT_CHECK),
    response={200: ReviewOut, **PROBLEMS},
    summary="Close a review request",
)
def review_end(request: HttpRequest, review: uuid.UUID, key: Key = KEY) -> Status[Any]:
    """Takes it off the queue; closing twice changes nothing."""

    def work(actor: Actor) -> dict[str, Any]:
        return shapes.review(services.review_close(actor=actor, review=review_find(actor, str(review))))

    return once(request, key, None, 200, work)


@of_tenant.post(
    "/{slug}/reviews",
    auth=Bearer(Right.TENANT_CHECK),
    response={201: ReviewOut, **PROBLEMS},
    summary="Ask for a sign-off",
)
def review_ask(
    request: HttpRequest, slug: Word, environment: Word, body: Note = NO_NOTE, key: Key = KEY
) -> Status[Any]:
    """The tenant's owners and reviewers are told by page and mail. An open request is answered as it is."""

    def work(actor: Actor) -> dict[str, Any]:
        row = tenant_find(actor, slug)
        here = environment_find(actor, environment, slug)
        actor.require(Right.TENANT_CHECK, here.name, slug)
        return shapes.review(services.review_request(actor=actor, tenant=row, environment=here, note=body.note))

    return once(request, key, body, 201, work)


@imports.post("", auth=Bearer(Right.TENANT_EDIT), response={200: ImportOut, **PROBLEMS}, summary="Import tenants")
def tenants_load(request: HttpRequest, body: ImportIn, key: Key = KEY) -> Status[Any]:
    """From CSV or YAML, all or none; as a dry run (unless said otherwise) it only says what would change."""
    return once(
        request, key, body, 200,
        lambda actor: shapes.imported(tenants_import(actor=actor, text=body.text, format=body.format, dry_run=body.dry_run)),
    )  # fmt: skip
