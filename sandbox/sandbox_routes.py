"""For people and tests only: the log of operations, the truth, the speed, the faults. A real Argo CD has none of these."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.access import world_of
from sandbox.cluster import PRIVATE
from sandbox.comparison import compare
from sandbox.documents import look
from sandbox.envelope import read_body
from sandbox.faults import FaultError
from sandbox.repositories import RepositoryError


async def operations(request: Request) -> Response:
    """Every accepted operation and termination, oldest first."""
    return JSONResponse({"items": world_of(request).applications.operations()})


async def read_settings(request: Request) -> Response:
    """The speed."""
    return JSONResponse({"speed": world_of(request).clock.speed})


async def write_settings(request: Request) -> Response:
    """Change the speed. Everything follows it at once: what a Pod still waits for, too."""
    speed = (await read_body(request)).get("speed")
    if not isinstance(speed, (int, float)) or isinstance(speed, bool) or not 0 < speed <= 10_000:
        return JSONResponse({"error": "speed must be a number above 0 and at most 10000"}, 400)
    world = world_of(request)
    world.cluster.rescale(world.clock.speed / float(speed))
    world.clock.speed = float(speed)
    world.cluster.resume()  # deadlines are counted anew
    return await read_settings(request)


async def truth(request: Request) -> Response:
    """What really lives, whatever the status says: compared now with the commit of the query (or the last target).
    `since` is when one of its Deployments last made progress (seconds since the epoch); 0 without Deployments."""
    world, name = world_of(request), request.path_params["name"]
    application = world.applications.find(name)
    if application is None:
        return JSONResponse({"error": f"there is no Application {name}"}, 404)
    source, revision = application["spec"]["source"], request.query_params.get("revision", "")
    try:
        commit = await world.repositories.at(source["repoURL"]).resolve(revision or source.get("targetRevision", ""))
        outcome = compare(world.cluster, name, await world.manifests.target(application, source, commit))
    except RepositoryError as error:
        return JSONResponse({"error": str(error)}, 404)
    since = max(
        (look(item, PRIVATE, "progressed", default=0.0) for item in world.cluster.managed(name).values()), default=0.0
    )
    return JSONResponse({"revision": commit, "sync": outcome.sync, "health": outcome.health, "since": since})


async def requests(request: Request) -> Response:
    """How often each path of the API was asked since the start, as `METHOD path`; reads with `refresh` apart."""
    return JSONResponse(world_of(request).requests)


async def read_faults(request: Request) -> Response:
    """The rules that are switched on and how often each has fired."""
    return JSONResponse(world_of(request).faults.shown())


async def write_faults(request: Request) -> Response:
    """Switch on a list of rules and no others; `{"seed", "rules"}` or the list alone."""
    faults = world_of(request).faults
    try:
        body = await request.json()
        given = body if isinstance(body, dict) else {"rules": body}
        faults.replace(list(given.get("rules") or []), int(given.get("seed") or 0))
    except (ValueError, TypeError, FaultError) as error:
        return JSONResponse({"error": str(error)}, 400)
    return await read_faults(request)


async def add_fault(request: Request) -> Response:
    """Switch on one rule more."""
    try:
        world_of(request).faults.add(await request.json())
    except (ValueError, FaultError) as error:
        return JSONResponse({"error": str(error)}, 400)
    return await read_faults(request)


async def clear_faults(request: Request) -> Response:
    """Switch off every rule."""
    world_of(request).faults.replace([])
    return await read_faults(request)


ROUTES = [
    Route("/sandbox/applications/{name}", truth),
    Route("/sandbox/faults", read_faults),
    Route("/sandbox/faults", write_faults, methods=["PUT"]),
    Route("/sandbox/faults", add_fault, methods=["POST"]),
    Route("/sandbox/faults", clear_faults, methods=["DELETE"]),
    Route("/sandbox/operations", operations),
    Route("/sandbox/requests", requests),
    Route("/sandbox/settings", read_settings),
    Route("/sandbox/settings", write_settings, methods=["PUT"]),
]
