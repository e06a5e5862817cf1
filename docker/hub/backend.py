"""The stand-in for backend and HubCore: `python -m docker.hub.backend` answers on 4000.

A tenant is who `X-Tenant` says and only where its credentials are mounted; of anything else a request sees nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from docker.hub import events
from docker.hub.credentials import Credentials
from docker.hub.measures import Measures
from docker.hub.serving import serve
from docker.hub.store import Store

TEXT = "text/plain; version=0.0.4; charset=utf-8"
LARGEST_BODY = 64 * 1024


class Backend:
    """One running backend."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        directory = Path(environment.get("HUB_TENANTS_DIRECTORY", "/etc/tenants"))
        self.credentials = Credentials(directory, environment)
        self.store = Store(
            environment.get("REDIS_URL", "redis://redis:6379"), ca_file=environment.get("REDIS_CA_FILE", "")
        )
        self.orchestrator = environment.get("AI_ORCHESTRATOR_URL", "http://orchestrator:8080")
        self.measures = Measures()

    def app(self) -> Starlette:
        """The routes of the hub's interface."""
        return Starlette(
            routes=[
                Route("/api/health", self.health),
                Route("/api/metrics", self.metrics),
                Route("/api/tenants", self.tenants),
                Route("/api/hub/metrics", self.hub_metrics),
                Route("/api/hub/registry", self.registry),
                Route("/api/hub/events", self.take_event, methods=["POST"]),
            ]
        )

    async def health(self, request: Request) -> Response:
        """Whether requests can be served; under `X-Tenant`, whether those of this tenant can."""
        if not await self.store.is_up():
            return JSONResponse({"status": "down", "failing": ["redis"]}, 503)
        if "x-tenant" not in request.headers:
            return JSONResponse({"status": "ok"})
        tenant = self._tenant(request)
        missing = self.credentials.missing(tenant)
        status = "degraded" if missing else "ok"
        return JSONResponse({"status": status, "tenant": tenant, "missing": missing}, 503 if missing else 200)

    async def metrics(self, request: Request) -> Response:
        """The process, for Prometheus."""
        return Response(self.measures.process_text(), media_type=TEXT)

    async def hub_metrics(self, request: Request) -> Response:
        """Every tenant's series, for Prometheus."""
        is_up = await self._orchestrator_is_up()
        text = self.measures.tenants_text(self.credentials.tenants(), orchestrator_is_up=is_up)
        return Response(text, media_type=TEXT)

    async def tenants(self, request: Request) -> Response:
        """All tenants; under `X-Tenant` this one alone."""
        names = [self._tenant(request)] if "x-tenant" in request.headers else self.credentials.tenants()
        return JSONResponse([{"id": name} for name in names])

    async def registry(self, request: Request) -> Response:
        """The tenant's agents."""
        tenant = self._ready_tenant(request)
        await self.store.refresh_token(tenant, self.credentials.value(tenant, "ONLYCHANNEL_ACCOUNT_TOKEN"))
        return JSONResponse({"tenant": tenant, "agents": await self.store.agents(tenant)})

    async def take_event(self, request: Request) -> Response:
        """Keep an event in the tenant's stream, once for each id."""
        tenant = self._ready_tenant(request)
        if int(request.headers.get("content-length", LARGEST_BODY + 1)) > LARGEST_BODY:
            raise HTTPException(413, f"A body is at most {LARGEST_BODY} bytes and says its length.")
        try:
            event = events.read(await request.body(), tenant=tenant)
        except events.WrongEvent as error:
            raise HTTPException(422, str(error)) from None
        is_new = await self.store.keep(event)
        return JSONResponse({"status": "accepted" if is_new else "duplicate"}, 202 if is_new else 200)

    def _tenant(self, request: Request) -> str:
        """Who `X-Tenant` names. Raises 404 where nobody of that name is here, as for any tenant of others."""
        tenant = request.headers.get("x-tenant", "")
        if tenant not in self.credentials.tenants():
            raise HTTPException(404, "X-Tenant names no tenant of this hub.")
        self.measures.requests.labels(tenant).inc()
        return tenant

    def _ready_tenant(self, request: Request) -> str:
        tenant = self._tenant(request)
        if missing := self.credentials.missing(tenant):
            raise HTTPException(503, f"Not set for this tenant: {', '.join(missing)}.")
        return tenant

    async def _orchestrator_is_up(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                return (await client.get(f"{self.orchestrator}/health")).is_success
        except httpx.HTTPError:
            return False


if __name__ == "__main__":
    serve(Backend(os.environ).app(), port=4000)
