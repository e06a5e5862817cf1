"""For people and tests only: what lies in the secret stores. Values go in and never come out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.access import world_of
from sandbox.envelope import read_body


async def names(request: Request) -> Response:
    """Every store with its remote keys and their properties."""
    return JSONResponse(world_of(request).secret_stores.names())


async def fill(request: Request) -> Response:
    """Add or replace secrets: `{"remote/key": {"property": "value"}}`. From now on the store has these and no others."""
    body = await read_body(request)
    texts = all(
        isinstance(properties, dict) and all(isinstance(value, str) for value in properties.values())
        for properties in body.values()
    )
    if not texts:
        return JSONResponse({"error": 'secrets are given as {"remote/key": {"property": "value"}}'}, 400)
    world, store = world_of(request), request.path_params["store"]
    world.secret_stores.fill(store, body)
    world.kubernetes.external_secrets.wake(store)
    return JSONResponse({"store": store, "keys": sorted(body)})


async def forget(request: Request) -> Response:
    """Remove one remote key."""
    world, store, key = world_of(request), request.path_params["store"], request.path_params["key"]
    if not world.secret_stores.forget(store, key):
        return JSONResponse({"error": f"{store} has no {key}"}, 404)
    world.kubernetes.external_secrets.wake(store)
    return JSONResponse({})


ROUTES = [
    Route("/sandbox/secret-stores", names),
    Route("/sandbox/secret-stores/{store}", fill, methods=["PUT"]),
    Route("/sandbox/secret-stores/{store}/{key:path}", forget, methods=["DELETE"]),
]
