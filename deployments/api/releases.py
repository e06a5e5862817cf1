"""`/releases`: what can be promoted."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import Bearer
from controlpanel.accounts.once import once
from controlpanel.core.keyset import Cursor, Limit, listed, portion
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import KEY, Key, Word
from deployments.api import shapes
from deployments.api.answers import HoldList, HoldOut, ReleaseList, ReleaseOut
from deployments.api.requests import HoldIn, ReleaseIn
from deployments.models import Release, ReleaseHold
from deployments.selectors.plans import holds_of
from deployments.services import planning
from deployments.services.preflights import find_release
from deployments.services.releases import release_create

router = Router(tags=["releases"])


@router.get("", auth=Bearer(Right.VIEW), response={200: ReleaseList, **PROBLEMS}, summary="List releases")
def release_list(request: HttpRequest, limit: Limit = 20, cursor: Cursor = "") -> Any:
    """Newest first."""
    return listed(*portion(Release.objects.all(), by="pk", cursor=cursor, limit=limit), shapes.release)


@router.post("", auth=Bearer(Right.RELEASE_CREATE), response={201: ReleaseOut, **PROBLEMS}, summary="Create a release")
def release_add(request: HttpRequest, body: ReleaseIn, key: Key = KEY) -> Status[Any]:
    """Images that are not given are copied from the newest release. The same release once more changes nothing."""
    return once(
        request,
        key,
        body,
        201,
        lambda actor: shapes.release(
            release_create(
                actor=actor,
                version=body.version,
                commit=body.source.commit,
                images=body.images,
                notes=body.notes,
                title=body.title,
            )
        ),
    )


@router.post(
    "/{version}/hold", auth=Bearer(Right.FREEZE), response={201: HoldOut, **PROBLEMS}, summary="Hold a release back"
)
def release_hold(request: HttpRequest, version: Word, body: HoldIn, key: Key = KEY) -> Status[Any]:
    """From everywhere, or from one environment."""

    def work(actor: Actor) -> dict[str, Any]:
        return _hold(planning.release_hold(actor=actor, release=find_release(version), **body.model_dump()))

    return once(request, key, body, 201, work)


@router.post(
    "/{version}/let-go", auth=Bearer(Right.FREEZE), response={200: HoldList, **PROBLEMS}, summary="Let a release go"
)
def release_let_go(request: HttpRequest, version: Word, body: HoldIn, key: Key = KEY) -> Status[Any]:
    """Answers what still holds it."""

    def work(actor: Actor) -> dict[str, Any]:
        found = find_release(version)
        planning.release_let_go(actor=actor, release=found, environment=body.environment)
        return {"items": [_hold(row) for row in holds_of(found)], "next": None}

    return once(request, key, body, 200, work)


def _hold(row: ReleaseHold) -> dict[str, Any]:
    return {
        "release": row.release.version, "environment": row.environment, "reason": row.reason, "created_by": row.created_by,
        "lifted_by": row.lifted_by,
    }  # fmt: skip


@router.get("/{version}", auth=Bearer(Right.VIEW), response={200: ReleaseOut, **PROBLEMS}, summary="Read a release")
def release_read(request: HttpRequest, version: Word) -> Any:
    """One release by its version."""
    return shapes.release(find_release(version))
