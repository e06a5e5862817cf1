"""For people and tests only: the log of operations and the speed. A real Argo CD has none of these."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.access import world_of
from sandbox.envelope import read_body


async def operations(request: Request) -> Response:
    """Every accepted operation and termination, oldest first."""
    return JSONResponse({"items": world_of(request).applications.operations()})


async def read_settings(request: Request) -> Response:
    """The speed."""
    return JSONResponse({"speed": world_of(request).clock.speed})


async def write_settings(request: Request) -> Response:
    """Change the speed. Deadlines follow it at once; a Pod keeps the delay that it is in."""
    speed = (await read_body(request)).get("speed")
    if not isinstance(speed, (int, float)) or isinstance(speed, bool) or not 0 < speed <= 10_000:
        return JSONResponse({"error": "speed must be a number above 0 and at most 10000"}, 400)
    world = world_of(request)
    world.clock.speed = float(speed)
    world.cluster.resume()  # deadlines are counted anew
    return await read_settings(request)


ROUTES = [
    Route("/sandbox/operations", operations),
    Route("/sandbox/settings", read_settings),
    Route("/sandbox/settings", write_settings, methods=["PUT"]),
]
