"""One tenant in one environment: complete and sign its checklist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog import hub_connections
from controlpanel.catalog.models import Environment
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right, declares
from controlpanel.core.presentation.wording import duration, number
from controlpanel.core.views.answering import page
from tenants.choices import TenantState
from tenants.models import HubState, Readiness, ReviewRequest, Tenant
from tenants.selectors import place
from tenants.selectors.checklists import IMPORT, Line, checklist, references_of, tenant_history
from tenants.selectors.newest import readiness_seen
from tenants.selectors.people import names_of
from tenants.selectors.requests import review_here
from tenants.selectors.seeing import environments_visible, tenant_find
from tenants.services.hub_events import hub_event_newest
from tenants.views.showing import Rights, shown

TEMPLATE = "tenants/tenant.html"
TOLD = 20
TOKEN_MINUTES = 55
"""How long the backend's token lives in Redis."""


@declares(Right.TENANT_VIEW)
@require_GET
def tenant(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything about one tenant where the tab says."""
    actor = of_request(request)
    row = tenant_find(actor, slug)
    environments = environments_visible(actor, slug)
    here = chosen_of(request.GET.get("environment", ""), environments)
    places = readiness_seen(actor, [row], environments)[row.pk]
    context = {
        "tenant": row, "environment": here, "tabs": tabs_of(places, environments, here), "topics": f"tenant.{slug}",
        "history": [_entry(event) for event in tenant_history(actor, row)[:TOLD]], "owner_name": names_of([row.owner]).get(row.owner, ""),
        "may": Rights(),
    }  # fmt: skip
    if here is not None:
        readiness = next((one for one in places if one is not None and one.environment_id == here.pk), None)
        context |= _place(actor, row, here, readiness)
    return page(request, TEMPLATE, context, fragments=("tenant",))


def chosen_of(name: str, environments: Sequence[Environment]) -> Environment | None:
    """The environment of that name, else the last one."""
    named = next((one for one in environments if one.name == name), None)
    return named or next(iter(reversed(environments)), None)


def rights(actor: Actor, row: Tenant, here: Environment) -> Rights:
    """What the reader may do with the tenant here."""
    if row.state == TenantState.OFFBOARDED:
        return Rights(edit=actor.may(Right.TENANT_EDIT, here.name, row.slug))
    reference = actor.may(Right.TENANT_REFERENCE, here.name, row.slug)
    return Rights(
        edit=actor.may(Right.TENANT_EDIT, here.name, row.slug),
        check=actor.may(Right.TENANT_CHECK, here.name, row.slug),
        reference=reference,
        sign=actor.may(Right.TENANT_SIGN_OFF, here.name, row.slug),
        waive=actor.may(Right.TENANT_WAIVE, here.name, row.slug),
        ask=actor.may(Right.TENANT_CHECK, here.name, row.slug),
    )


def _place(actor: Actor, row: Tenant, here: Environment, readiness: Readiness | None) -> dict[str, Any]:
    may = rights(actor, row, here)
    lines = checklist(row, here)
    names = names_of(
        name for line in lines for name in (line.item.waived_by, line.sign_off.by if line.sign_off else "")
    )
    pending = place.pending_of(references_of(row, here))
    query = urlencode({"environment": here.name})
    sign = _signing(lines, readiness, names)
    open_review = review_here(row, here)
    return {
        "may": may, "sign": sign, "hub": _hub(row, place.hub_state_of(row, here)), "test_event": hub_event_newest(row, here),
        "test_event_url": reverse("tenant_test_event", args=[row.slug]) if hub_connections.is_named(here) else "",
        "lines": [
            shown(line, number=number, slug=row.slug, environment=here.name, may=may, names=names)
            for number, line in enumerate(lines, start=1)
        ],
        "pending": [_pending(one) for one in pending], "review": _review(open_review), "dock_reason": f"Sign-off waits: {sign['reason'].partition('. ')[0].rstrip('.')}." if may.sign and sign["reason"] else "",
        "references_url": f"{reverse('tenant_references', args=[row.slug])}?{query}", "announcement": _announcement(row, here, readiness),
        "configuration_url": reverse("configuration", args=[here.name]) if actor.may(Right.VIEW, here.name) else "",
    }  # fmt: skip


def tabs_of(
    places: Sequence[Readiness | None], environments: Sequence[Environment], here: Environment | None
) -> list[dict[str, Any]]:
    """One tab for each environment, with how many items are met there."""
    found = []
    for one, readiness in zip(environments, places, strict=True):
        ready = readiness is not None and readiness.is_ready
        found.append(
            {
                "label": one.title, "href": f"?{urlencode({'environment': one.name})}", "current": one == here,
                "count": f"{readiness.met}/{readiness.required}" if readiness else "", "words": "ready" if ready else "not ready",
                "tone": "ok" if ready else "warn", "shape": "circle-check" if ready else "triangle",
            }
        )  # fmt: skip
    return found


def _signing(lines: Sequence[Line], readiness: Readiness | None, names: dict[str, str]) -> dict[str, Any]:
    """The panel beside the checklist: how much is signed, what is stale, whether all can be signed now."""
    asked = [line for line in lines if line.item.needs_sign_off]
    stale = [line for line in asked if line.sign_off is not None and line.stale]
    signed = sum(line.sign_off is not None and not line.stale for line in asked)
    return {
        "ready": "ready" if readiness and readiness.is_ready else "not_ready",
        "figures": f"{readiness.met}/{readiness.required}" if readiness else "",
        "signed": f"{signed} of {len(asked)}" + (f", {len(stale)} stale" if stale else ""),
        "digest": readiness.part_digest if readiness else "",
        "stale": [
            {"key": line.item.key, "by": names.get(line.sign_off.by, line.sign_off.by), "at": line.sign_off.at, "words": " and ".join(line.stale)}
            for line in stale
            if line.sign_off is not None
        ],
        "seen": " ".join(line.item.subject for line in asked), "label": f"Sign off all {len(asked)}", "reason": _unsignable(asked, signed),
        "who": "An owner or a reviewer of the tenant signs.",
    }  # fmt: skip


def _unsignable(asked: Sequence[Line], signed: int) -> str:
    """Why not all can be signed with one click."""
    if asked and signed == len(asked):
        return "All are signed."
    due = [line.item for line in asked if line.item.awaits_sign_off]
    hindered = (f"{one.key}: {one.hindrance}" for one in due if one.hindrance)
    return next(hindered, "" if due else "Nothing is left to sign.")


def _hub(row: Tenant, state: HubState | None) -> dict[str, Any]:
    """The three keys of the tenant, the newest events and the metrics, as they were last read."""
    known = state or HubState(tail=[], metrics={})
    minutes = duration(known.token_ttl_seconds) if known.token_ttl_seconds is not None else ""
    token = (
        f"expires in {minutes} of {TOKEN_MINUTES} m, value never read"
        if known.token_present
        else "the backend refreshes it; value never read"
    )
    was_read = known.token_present is not None  # Redis answered: what it did not tell of is not there
    agents = (
        f"{number(known.agents)} agents, synced" if known.agents is not None else "the hub registered none" * was_read
    )
    length = (
        f"stream, {number(known.stream_length)} entries"
        if known.stream_length is not None
        else "no stream yet" * was_read
    )
    return {
        "read_at": known.read_at, "error": known.error, "stream_length": known.stream_length or len(known.tail), "tail": known.tail[:10], "was_read": was_read,
        "metrics": [(name.replace("_", " "), value) for name, value in sorted(known.metrics.items())],
        "rows": [
            {"key": f"{row.slug}:hub:registry:agents", "state": _presence(known.agents, was_read), "detail": agents, "at": known.agents_at},
            {"key": f"{row.slug}:onlychannel:token", "state": _is(known.token_present), "detail": token if known.token_present is not None else "", "at": None},
            {"key": f"{row.slug}:hub:events", "state": _presence(known.stream_length, was_read), "detail": length, "at": None},
        ],
    }  # fmt: skip


def _presence(count: int | None, was_read: bool) -> str:
    return _is(bool(count) if was_read or count is not None else None)


def _is(present: bool | None) -> str:
    return "not_checked" if present is None else "present" if present else "absent"


def _pending(one: place.Pending) -> dict[str, Any]:
    return {"key": one.reference.key, "words": one.words, "by": one.version.created_by, "at": one.version.created_at}


def _review(open_review: ReviewRequest | None) -> dict[str, Any] | None:
    if open_review is None:
        return None
    return {"by": open_review.requested_by, "at": open_review.requested_at, "note": open_review.note}


def _entry(event: AuditEvent) -> dict[str, Any]:
    where = f", {event.environment}" if event.environment else ""
    text = event.message or event.action.removeprefix("tenant.").replace("_", " ")
    text = "Imported." if event.action == IMPORT else text  # its own words count others
    return {
        "at": event.at,
        "tone": "mute",
        "shape": "person",
        "text": f"{event.actor}{where}: {text}",
        "key": f"event-{event.pk}",
    }


def _announcement(row: Tenant, here: Environment, readiness: Readiness | None) -> str:
    """Said to screen readers when it changes."""
    if readiness is None:
        return ""
    word = "ready" if readiness.is_ready else "not ready"
    return f"{row.slug} is {word} for {here.name}: {readiness.met} of {readiness.required}."
