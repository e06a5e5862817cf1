"""The hub, Prometheus and Redis of each environment of the catalog, as the sandbox plays them."""

from __future__ import annotations

import os
from functools import cache

from controlpanel.catalog.document import EnvironmentSpec, parse
from script.development.paths import ROOT

CATALOG = "platform.yaml"


@cache
def environments() -> tuple[EnvironmentSpec, ...]:
    """Those whose hub and Redis the checkout's catalog names and nobody else provides: what a hub keeps is written there."""
    if os.environ.get("PLATFORM_REPO_URL"):
        return ()
    document = parse((ROOT / CATALOG).read_text("utf-8"), filename=CATALOG)
    return tuple(
        spec for spec in document.environments if _is_ours(spec.hub_url_from) and _is_ours(spec.redis_url_from)
    )


def played() -> dict[str, str]:
    """Name of the hub to the variable that holds the address of its Redis."""
    return {spec.name: str(spec.redis_url_from) for spec in environments()}


def variables(sandbox: str, valkey: str) -> dict[str, str]:
    """The variables that the catalog names. Each hub has a database of its own in Valkey, the broker's is number 0."""
    wanted: dict[str | None, str] = {}
    for number, spec in enumerate(environments(), start=1):
        wanted[spec.hub_url_from] = f"{sandbox}/hubs/{spec.name}"
        wanted[spec.prometheus_url_from] = f"{sandbox}/hubs/{spec.name}/prometheus"
        wanted[spec.redis_url_from] = f"{valkey.rpartition('/')[0]}/{number}"
    return {name: os.environ.get(name) or address for name, address in wanted.items() if name}


def _is_ours(variable: str | None) -> bool:
    return bool(variable) and not os.environ.get(str(variable))
