"""`/tenants`: who shares the platform, and how ready each is."""

from __future__ import annotations

from typing import Any, Literal

from django.db import transaction
from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status

from controlpanel.accounts.actors import Actor
from controlpanel.accounts.bearer import Bearer, actor_of
from controlpanel.accounts.once import once
from controlpanel.core.errors import AbsentError
from controlpanel.core.keyset import Cursor, Limit, portion
from controlpanel.core.permissions import Right
from controlpanel.core.problems import PROBLEMS
from controlpanel.core.words import KEY, Key, Word
from tenants.api import shapes
from tenants.api.answers import HubEventOut, HubOut, TenantList, TenantOut
from tenants.api.requests import ReasonIn, TenantChangeIn, TenantIn
from tenants.choices import TenantState
from tenants.models import Tenant
from tenants.selectors import place
from tenants.selectors.listing import Filter
from tenants.selectors.newest import readiness_seen, tenants_matching
from tenants.selectors.seeing import environment_find, environments_visible, tenant_find
from tenants.services import tenants as services
from tenants.services.hub_events import hub_event_newest, hub_event_send

router = Router(tags=["tenants"])
NOTHING = ReasonIn()


@router.get("", auth=Bearer(Right.TENANT_VIEW), response={200: TenantList, **PROBLEMS}, summary="List tenants")
def tenant_list(
    request: HttpRequest,
    limit: Limit = 20,
    cursor: Cursor = "",
    q: Word = "",
    environment: Word = "",
    readiness: Literal["ready", "not-ready", "stale", "unsigned", "waived", "pending"] | None = None,
    missing: Word = "",
    state: Literal[tuple(TenantState.values)] | None = None,  # type: ignore[valid-type]  # the vocabulary is kept in one place
) -> Any:
    """Newest first. `readiness` and `missing` (a key) are asked in `environment`, which is the last one unless said."""
    actor = actor_of(request)
    environments = environments_visible(actor)
    here = next((one for one in environments if one.name == environment), None)
    if environment and here is None:
        raise AbsentError("There is no such environment, or it is not yours to see.", "See GET /api/v1/environments.")
    if here is None and (readiness or missing):
        here = next(iter(reversed(environments)), None)
    wanted = Filter(text=q.strip(), readiness=readiness or "", missing=missing, state=state or "")
    found, following = portion(tenants_matching(actor, wanted, here), by="pk", cursor=cursor, limit=limit)
    places = readiness_seen(actor, found, environments)
    return {"items": [shapes.tenant(row, environments, places[row.pk]) for row in found], "next": following}


@router.post("", auth=Bearer(Right.TENANT_EDIT), response={201: TenantOut, **PROBLEMS}, summary="Create a tenant")
def tenant_add(request: HttpRequest, body: TenantIn, key: Key = KEY) -> Status[Any]:
    """It is onboarding, with a checklist in every environment. The same tenant once more changes nothing."""
    return once(
        request, key, body, 201, lambda actor: _shape(actor, services.tenant_create(actor=actor, **body.model_dump()))
    )


@router.get("/{slug}", auth=Bearer(Right.TENANT_VIEW), response={200: TenantOut, **PROBLEMS}, summary="Read a tenant")
def tenant_read(request: HttpRequest, slug: Word) -> Any:
    """One tenant by its slug."""
    actor = actor_of(request)
    return _shape(actor, tenant_find(actor, slug))


@router.patch(
    "/{slug}", auth=Bearer(Right.TENANT_EDIT), response={200: TenantOut, **PROBLEMS}, summary="Change a tenant"
)
def tenant_change(request: HttpRequest, slug: Word, body: TenantChangeIn) -> Any:
    """What is given is changed; `state` activates, suspends or resumes."""
    actor = actor_of(request)
    row = tenant_find(actor, slug)
    actor.require(Right.TENANT_EDIT, tenant=slug)
    given = body.model_dump(exclude_none=True, exclude={"state", "reason"})
    with transaction.atomic():  # all of it or nothing
        if given:
            row = services.tenant_edit(actor=actor, tenant=row, **given)
        if body.state is not None and body.state != row.state:
            row = services.tenant_move(actor=actor, tenant=row, state=TenantState(body.state), reason=body.reason)
    return _shape(actor, row)


@router.post(
    "/{slug}/offboard",
    auth=Bearer(Right.TENANT_EDIT),
    response={200: TenantOut, **PROBLEMS},
    summary="Offboard a tenant",
)
def tenant_leave(request: HttpRequest, slug: Word, body: ReasonIn = NOTHING, key: Key = KEY) -> Status[Any]:
    """Its references leave Git with the next promotion of the configuration; its history stays."""

    def work(actor: Actor) -> dict[str, Any]:
        row = tenant_find(actor, slug)
        actor.require(Right.TENANT_EDIT, tenant=slug)
        return _shape(actor, services.tenant_offboard(actor=actor, tenant=row, reason=body.reason))

    return once(request, key, body, 200, work)


@router.get(
    "/{slug}/hub",
    auth=Bearer(Right.TENANT_VIEW),
    response={200: HubOut, **PROBLEMS},
    summary="Read a tenant's hub state",
)
def hub_state(request: HttpRequest, slug: Word, environment: Word) -> Any:
    """As it was last read: agents, presence and time to live of the token, the tail of the event stream."""
    actor = actor_of(request)
    row = tenant_find(actor, slug)
    here = environment_find(actor, environment, slug)
    return shapes.hub(row, here, place.hub_state_of(row, here))


@router.post(
    "/{slug}/test-event",
    auth=Bearer(Right.TENANT_CHECK),
    response={202: HubEventOut, **PROBLEMS},
    summary="Send a test event",
)
def send_event(request: HttpRequest, slug: Word, environment: Word, key: Key = KEY) -> Status[Any]:
    """A worker posts it to the hub, at most once; one that is still on its way is answered instead of another."""

    def work(actor: Actor) -> dict[str, Any]:
        row = tenant_find(actor, slug)
        here = environment_find(actor, environment, slug)
        return shapes.hub_event(hub_event_send(actor=actor, tenant=row, environment=here))

    return once(request, key, None, 202, work)


@router.get(
    "/{slug}/test-event",
    auth=Bearer(Right.TENANT_VIEW),
    response={200: HubEventOut, **PROBLEMS},
    summary="Read what became of the last test event",
)
def sent_event(request: HttpRequest, slug: Word, environment: Word) -> Any:
    """404 where none was ever asked for."""
    actor = actor_of(request)
    found = hub_event_newest(tenant_find(actor, slug), environment_find(actor, environment, slug))
    if found is None:
        raise AbsentError(f"No test event was sent for {slug} in {environment}.", "POST to this address sends one.")
    return shapes.hub_event(found)


def _shape(actor: Actor, row: Tenant) -> dict[str, Any]:
    environments = environments_visible(actor, row.slug)
    return shapes.tenant(row, environments, readiness_seen(actor, [row], environments)[row.pk])
