"""The ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware import Middleware

from sandbox import (
    application_routes,
    kubernetes_routes,
    operation_routes,
    project_routes,
    resource_routes,
    sandbox_routes,
    secret_store_routes,
    session_routes,
    stream_routes,
    tenant_hub_routes,
)
from sandbox.envelope import (
    ApiError,
    ContentTypeCheck,
    answer_error,
    answer_not_found,
    answer_panic,
    answer_wrong_method,
)
from sandbox.fault_requests import FaultyRequests, Server
from sandbox.request_counts import CountedRequests
from sandbox.streams import HEARTBEAT_SECONDS
from sandbox.world import Settings, World


def create_app(settings: Settings, heartbeat: float = HEARTBEAT_SECONDS) -> Starlette:
    """The server over one sandbox; time runs from its start to its stop."""
    world = World(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await world.start()
        yield
        await world.stop()

    modules = (
        session_routes,
        application_routes,
        operation_routes,
        resource_routes,
        project_routes,
        stream_routes,
        kubernetes_routes,
        sandbox_routes,
        secret_store_routes,
        tenant_hub_routes,
    )
    app = Server(
        routes=[route for module in modules for route in module.ROUTES],
        middleware=[
            Middleware(CountedRequests, counts=world.requests),
            Middleware(FaultyRequests, faults=world.faults),
            Middleware(ContentTypeCheck),
        ],
        exception_handlers={
            Exception: answer_panic,
            ApiError: answer_error,
            kubernetes_routes.Refused: kubernetes_routes.answer_refusal,
            tenant_hub_routes.Answered: tenant_hub_routes.answer_at_once,
            404: answer_not_found,
            405: answer_wrong_method,
        },
        lifespan=lifespan,
    )
    app.state.world = world
    app.state.heartbeat = heartbeat
    app.state.failures = []
    return app
