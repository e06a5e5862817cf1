"""Has the sandbox's hub fail some tenants for as long as a release of the demo runs, so that its verification fails for real."""

from __future__ import annotations

import asyncio
import hashlib
import json
from urllib.request import Request, urlopen

HUB = "staging"
IMAGE = "backend 2026.11.3"
"""What the demo makes the digest of the image from; see `deployments/management/commands/demo.py`."""
UNWELL = ("aegean-ivf", "atlas-dental", "chat365")


async def begin(address: str) -> None:
    """From now on these tenants are unwell under that image."""
    await _set(address, {hashlib.sha256(IMAGE.encode()).hexdigest(): list(UNWELL)})


async def end(address: str) -> None:
    """Whoever promotes that release again finds everybody well."""
    await _set(address, {})


async def _set(address: str, unwell_with: dict[str, list[str]]) -> None:
    await asyncio.to_thread(_put, f"{address}/sandbox/hubs/{HUB}", {"unwell_with": unwell_with})


def _put(address: str, settings: dict[str, dict[str, list[str]]]) -> None:
    headers = {"Content-Type": "application/json"}
    request = Request(address, json.dumps(settings).encode(), headers, method="PUT")  # noqa: S310  # our own http address
    urlopen(request, timeout=10).close()  # noqa: S310
