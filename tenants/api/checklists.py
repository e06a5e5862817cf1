"""`/tenants/{slug}/checklist`: what a tenant has to show, who signed it, what was waived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Router
from ninja.responses import Status

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.accounts.once import once
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import KEY, Key, Word
from tenants.api import shapes
from tenants.api.answers import ChecklistOut, LookOut
from tenants.api.requests import NoteIn, ReasonIn, WaiverIn
from tenants.models import ChecklistItem
from tenants.selectors.checklists import checklist, item_find
from tenants.selectors.newest import readiness_seen
from tenants.selectors.seeing import environment_find, tenant_find
from tenants.services import signing
from tenants.services.looking import references_look

router = Router(tags=["tenants"])
ANSWERS: Any = {200: ChecklistOut, **PROBLEMS}
Note = Annotated[NoteIn, Body()]
Why = Annotated[ReasonIn, Body()]
NO_NOTE, NO_REASON = NoteIn(), ReasonIn()


@router.get("/{slug}/checklist", auth=Bearer(Right.TENANT_VIEW), response=ANSWERS, summary="Read a tenant's checklist")
def checklist_read(request: HttpRequest, slug: Word, environment: Word) -> Any:
    """Every item with its reference, what the newest look found, its sign-off and its waiver."""
    return _told(actor_of(request), slug, environment)


@router.post("/{slug}/sign-off", auth=Bearer(Right.TENANT_SIGN_OFF), response=ANSWERS, summary="Sign off everything")
def sign_off_all(
    request: HttpRequest, slug: Word, environment: Word, body: Note = NO_NOTE, key: Key = KEY
) -> Status[Any]:
    """Every item that is not signed, or whose sign-off is stale; 409 names the first that cannot be signed."""

    def work(actor: Actor) -> dict[str, Any]:
        row = tenant_find(actor, slug)
        here = environment_find(actor, environment, slug)
        actor.require(Right.TENANT_SIGN_OFF, here.name, slug)
        signing.items_sign_off_all(actor=actor, tenant=row, environment=here, note=body.note, seen=body.seen)
        return _told(actor, slug, environment)

    return once(request, key, body, 200, work)


@router.post(
    "/{slug}/check",
    auth=Bearer(Right.TENANT_CHECK),
    response={202: LookOut, **PROBLEMS},
    summary="Look at the references",
)
def check(request: HttpRequest, slug: Word, environment: Word, reference: Word = "", key: Key = KEY) -> Status[Any]:
    """A worker looks in the cluster at every promoted reference, or at one; the checklist then says what it found."""

    def work(actor: Actor) -> dict[str, Any]:
        row = tenant_find(actor, slug)
        here = environment_find(actor, environment, slug)
        actor.require(Right.TENANT_CHECK, here.name, slug)
        return {"references": references_look(actor=actor, tenant=row, environment=here, key=reference)}

    return once(request, key, None, 202, work)


@router.post(
    "/{slug}/checklist/{item}/sign-off",
    auth=Bearer(Right.TENANT_SIGN_OFF),
    response=ANSWERS,
    summary="Sign off an item",
)
def sign_off(
    request: HttpRequest,
    slug: Word,
    item: Word,
    environment: Word,
    type: Word = "",
    body: Note = NO_NOTE,
    key: Key = KEY,
) -> Status[Any]:
    """One's word for what the item says now; signing the same twice changes nothing."""
    seen = next(iter(body.seen), "")
    act = _on_item(slug, item, environment, type, Right.TENANT_SIGN_OFF)
    return once(
        request,
        key,
        body,
        200,
        act(lambda actor, row: signing.item_sign_off(actor=actor, item=row, note=body.note, seen=seen)),
    )


@router.post(
    "/{slug}/checklist/{item}/withdraw",
    auth=Bearer(Right.TENANT_SIGN_OFF),
    response=ANSWERS,
    summary="Withdraw a sign-off",
)
def withdraw(
    request: HttpRequest,
    slug: Word,
    item: Word,
    environment: Word,
    type: Word = "",
    body: Why = NO_REASON,
    key: Key = KEY,
) -> Status[Any]:
    """Takes the sign-off back; 409 where none stands."""
    act = _on_item(slug, item, environment, type, Right.TENANT_SIGN_OFF)
    return once(
        request,
        key,
        body,
        200,
        act(lambda actor, row: signing.item_sign_off_withdraw(actor=actor, item=row, reason=body.reason)),
    )


@router.post(
    "/{slug}/checklist/{item}/waive", auth=Bearer(Right.TENANT_WAIVE), response=ANSWERS, summary="Waive an item"
)
def waive(
    request: HttpRequest, slug: Word, item: Word, environment: Word, body: WaiverIn, type: Word = "", key: Key = KEY
) -> Status[Any]:
    """The item counts as met until then, and lapses by itself; at most 90 days."""
    act = _on_item(slug, item, environment, type, Right.TENANT_WAIVE)
    return once(
        request, key, body, 200,
        act(lambda actor, row: signing.item_waive(actor=actor, item=row, reason=body.reason, until=body.until)),
    )  # fmt: skip


@router.post(
    "/{slug}/checklist/{item}/unwaive", auth=Bearer(Right.TENANT_WAIVE), response=ANSWERS, summary="End a waiver"
)
def unwaive(
    request: HttpRequest, slug: Word, item: Word, environment: Word, type: Word = "", key: Key = KEY
) -> Status[Any]:
    """The item is required again; 409 where no waiver holds."""
    act = _on_item(slug, item, environment, type, Right.TENANT_WAIVE)
    return once(request, key, None, 200, act(lambda actor, row: signing.item_unwaive(actor=actor, item=row)))


def _on_item(
    slug: str, key: str, environment: str, kind: str, right: Right
) -> Callable[[Callable[[Actor, ChecklistItem], object]], Callable[[Actor], dict[str, Any]]]:
    """An act on one item, answered with the whole checklist."""

    def to_work(act: Callable[[Actor, ChecklistItem], object]) -> Callable[[Actor], dict[str, Any]]:
        def work(actor: Actor) -> dict[str, Any]:
            row = tenant_find(actor, slug)
            here = environment_find(actor, environment, slug)
            actor.require(right, here.name, slug)
            act(actor, item_find(actor, row, here, key, kind))
            return _told(actor, slug, environment)

        return work

    return to_work


def _told(actor: Actor, slug: str, environment: str) -> dict[str, Any]:
    row = tenant_find(actor, slug)
    here = environment_find(actor, environment, slug)
    return shapes.checklist(row, here, readiness_seen(actor, [row], [here])[row.pk][0], checklist(row, here))
