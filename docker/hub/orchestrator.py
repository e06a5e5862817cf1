"""The stand-in for the AI orchestrator: `python -m docker.hub.orchestrator` answers on 8080."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from docker.hub.measures import Measures
from docker.hub.serving import serve


def app() -> Starlette:
    """Health and metrics."""
    measures = Measures()

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def metrics(request: Request) -> Response:
        return Response(measures.process_text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(routes=[Route("/health", health), Route("/metrics", metrics)])


if __name__ == "__main__":
    serve(app(), port=8080)
