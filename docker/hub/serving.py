"""How each stand-in is served: on PORT, until SIGTERM, with open requests finished first."""

from __future__ import annotations

import os

import uvicorn
from starlette.applications import Starlette

GRACE_SECONDS = 10


def serve(app: Starlette, *, port: int) -> None:
    """Serve until the process is told to end. HOST and PORT of the environment go before the defaults."""
    uvicorn.run(
        app,
        host=os.environ.get("HOST", "0.0.0.0"),  # noqa: S104  # a container answers its neighbours
        port=int(os.environ.get("PORT", port)),
        timeout_graceful_shutdown=GRACE_SECONDS,
        log_level="warning",
        server_header=False,
    )
