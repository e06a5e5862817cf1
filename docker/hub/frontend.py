"""The stand-in for the portal: `python -m docker.hub.frontend` answers on 3000 as a CDN likes it.

Assets carry the hash of their content in their name and never change; pages are asked for again with their ETag.
"""

from __future__ import annotations

import hashlib
import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from docker.hub.serving import serve

IMMUTABLE = os.environ.get("ASSETS_CACHE_CONTROL", "public, max-age=31536000, immutable")
REVALIDATED = os.environ.get("PAGES_CACHE_CONTROL", "public, max-age=0, s-maxage=60, must-revalidate")
ASSETS = os.environ.get("ASSETS_PATH", "/_next/static")
STYLE = "body { font-family: system-ui, sans-serif; margin: 4rem auto; max-width: 40rem }\n" * 20
STYLE_PATH = f"{ASSETS}/{hashlib.sha256(STYLE.encode()).hexdigest()[:16]}.css"
PAGE = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Synchron AI Hub</title><link rel="stylesheet" href="{STYLE_PATH}"></head>
<body><h1>Synchron AI Hub</h1><p>This stands in for the portal until its image is released.</p></body>
</html>
"""
ETAG = f'W/"{hashlib.sha256(PAGE.encode()).hexdigest()[:16]}"'


async def page(request: Request) -> Response:
    """The only page."""
    headers = {"Cache-Control": REVALIDATED, "ETag": ETAG, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == ETAG:
        return Response(status_code=304, headers=headers)
    return Response(PAGE, media_type="text/html", headers=headers)


async def style(request: Request) -> Response:
    """The only asset."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": IMMUTABLE})


def app() -> Starlette:
    """The routes, compressed."""
    routes = [Route("/", page), Route(STYLE_PATH, style)]
    return Starlette(routes=routes, middleware=[Middleware(GZipMiddleware, minimum_size=200)])


if __name__ == "__main__":
    serve(app(), port=3000)
