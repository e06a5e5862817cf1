"""The hub's interface below /hubs/NAME, its Prometheus below /hubs/NAME/prometheus, and a control route for people and tests."""

from __future__ import annotations

import asyncio
import json

from redis import RedisError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.access import world_of
from sandbox.envelope import read_body
from sandbox.hub_metrics import exposition, vector
from sandbox.prometheus_query import QueryError, evaluate
from sandbox.tenant_hub import EventRefused, TenantHub

SETTINGS = {
    "tenants": list, "errors": dict, "unwell": list, "unwell_with": dict, "slow": dict, "refusing": list, "is_quiet": bool,
}  # fmt: skip


class Answered(Exception):
    """The request is answered before its route does anything."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.answer = JSONResponse({"error": error}, status)


async def answer_at_once(request: Request, error: Exception) -> Response:
    """The answer that was decided on the way."""
    assert isinstance(error, Answered)
    return error.answer


def _hub(request: Request) -> TenantHub:
    hub: TenantHub | None = world_of(request).tenant_hubs.by_name.get(request.path_params["hub"])
    if hub is None:
        raise Answered(404, "there is no such hub")
    return hub


def _tenant(request: Request, hub: TenantHub, *, needed: bool) -> str:
    """The tenant of the header; everybody else looks as if nobody were there."""
    tenant = request.headers.get("x-tenant", "")
    if not tenant and needed:
        raise Answered(400, "X-Tenant is missing")
    if tenant and tenant not in hub.tenants():
        raise Answered(404, "unknown tenant")
    return tenant


async def health(request: Request) -> Response:
    """Whether all is well, for everybody or for one tenant."""
    hub = _hub(request)
    tenant = _tenant(request, hub, needed=False)
    await asyncio.sleep(hub.delay(tenant))
    if hub.is_away or not hub.is_well(tenant):
        return JSONResponse({"status": "error", "info": {"redis": "down" if hub.is_away else "up"}}, 503)
    return JSONResponse({"status": "ok", **({"tenantId": tenant} if tenant else {})})


async def tenants(request: Request) -> Response:
    """Everybody."""
    return JSONResponse([{"id": slug} for slug in sorted(_hub(request).tenants())])


async def post_event(request: Request) -> Response:
    """Take one event; the same id once more is told as such."""
    hub = _hub(request)
    tenant = _tenant(request, hub, needed=True)
    try:
        event = json.loads(await request.body())
        status = await hub.accept(tenant, event if isinstance(event, dict) else {})
    except (EventRefused, ValueError) as error:
        raise Answered(400, str(error)) from error
    except (RedisError, OSError) as error:
        raise Answered(503, "the stream cannot be written") from error
    return JSONResponse({"status": status}, 202 if status == "accepted" else 200)


async def metrics(request: Request) -> Response:
    """Prometheus text of every tenant, or of the header's."""
    hub = _hub(request)
    tenant = _tenant(request, hub, needed=False)
    chosen = [tenant] if tenant else sorted(hub.tenants())
    return PlainTextResponse(
        exposition(hub, chosen, world_of(request).clock.epoch()), media_type="text/plain; version=0.0.4"
    )


async def query(request: Request) -> Response:
    """An instant query of Prometheus, now or as of `time`."""
    hub, world = _hub(request), world_of(request)
    form = await request.form() if request.method == "POST" else request.query_params
    try:
        now = float(str(form.get("time") or world.clock.epoch()))
        kind, result = evaluate(str(form.get("query", "")), lambda name: vector(hub, name, now), now)
    except (QueryError, ValueError) as error:
        return JSONResponse({"status": "error", "errorType": "bad_data", "error": str(error)}, 400)
    return JSONResponse({"status": "success", "data": {"resultType": kind, "result": result}})


async def build_info(request: Request) -> Response:
    """The version."""
    return JSONResponse({"status": "success", "data": {"version": "3.5.0"}})


async def show(request: Request) -> Response:
    """For people and tests: settings, tenants, and every accepted event."""
    hub = _hub(request)
    return JSONResponse({"settings": hub.settings, "tenants": sorted(hub.tenants()), "events": hub.events()})


async def change(request: Request) -> Response:
    """For people and tests: `tenants` that nobody has credentials of, `errors` a second by tenant, who is `unwell` (or
    `unwell_with` an image), `slow` by so many seconds, `refusing` events, `is_quiet`."""
    hub, body = _hub(request), await read_body(request)
    for key, value in body.items():
        if key not in SETTINGS or not isinstance(value, SETTINGS[key]):
            raise Answered(400, f"settings are {', '.join(SETTINGS)}; {key} is none or of another type")
    hub.change(body)
    return await show(request)


HUB = "/hubs/{hub}"
ROUTES = [
    Route(f"{HUB}/api/health", health),
    Route(f"{HUB}/api/tenants", tenants),
    Route(f"{HUB}/api/hub/events", post_event, methods=["POST"]),
    Route(f"{HUB}/api/hub/metrics", metrics),
    Route(f"{HUB}/prometheus/api/v1/query", query, methods=["GET", "POST"]),
    Route(f"{HUB}/prometheus/api/v1/status/buildinfo", build_info),
    Route("/sandbox/hubs/{hub}", show),
    Route("/sandbox/hubs/{hub}", change, methods=["PUT"]),
]
