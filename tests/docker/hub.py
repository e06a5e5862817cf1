"""The hub's stand-ins as plain processes, with a real Valkey and the credentials of two tenants."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import redis

from script.development import local_environment
from script.development.processes import bound_to_parent
from tests.chaos.broker import Broker
from tests.world import ROOT, free_port, until

TENANT, OTHER = "chat365", "mozaik-dental"
ENVIRONMENT = {
    "HUB_REGISTRY_URL": "http://backend:4000/api/hub/registry",
    "PROMETHEUS_PUSHGATEWAY_URL": "http://prometheus:9091",
    "TEMPO_ENDPOINT": "http://tempo:4318",
}


@dataclass(frozen=True)
class Hub:
    """Where the stand-ins answer, and what they were started with."""

    backend: str
    orchestrator: str
    frontend: str
    redis_url: str
    streams: redis.Redis
    credentials: Path

    def ask(self, method: str, path: str, tenant: str | None = None, **arguments: Any) -> httpx.Response:
        """Ask the backend, under a tenant's header."""
        headers = {"X-Tenant": tenant} if tenant else {}
        return httpx.request(method, f"{self.backend}{path}", headers=headers, timeout=10, **arguments)

    def keys(self, tenant: str) -> dict[str, str]:
        """The five keys of the tenant checklist."""
        own = {key: (self.credentials / f"{tenant}.{key}").read_text() for key in local_environment.OF_TENANT}
        return ENVIRONMENT | own


@contextlib.contextmanager
def running_hub(directory: Path) -> Iterator[Hub]:
    """Valkey, backend, orchestrator and frontend; all are ended whatever happens."""
    credentials = directory / "tenants"
    credentials.mkdir()
    for tenant in (TENANT, OTHER):
        for key, make in local_environment.OF_TENANT.items():
            (credentials / f"{tenant}.{key}").write_text(make())
    broker = Broker()
    ports = {name: free_port() for name in ("backend", "orchestrator", "frontend")}
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    environment = {**os.environ, **ENVIRONMENT, "HOST": "127.0.0.1", "REDIS_URL": broker.url,
                   "AI_ORCHESTRATOR_URL": addresses["orchestrator"], "HUB_TENANTS_DIRECTORY": str(credentials)}  # fmt: skip
    paths = {"backend": "/api/health", "orchestrator": "/health", "frontend": "/"}
    with contextlib.ExitStack() as stack:
        stack.callback(broker.kill)
        for name, port in ports.items():
            command = bound_to_parent([sys.executable, "-m", f"docker.hub.{name}"])
            process = subprocess.Popen(command, cwd=ROOT, env={**environment, "PORT": str(port)})
            stack.callback(process.wait)
            stack.callback(process.kill)
        for name, address in addresses.items():
            until(lambda url=address + paths[name]: _answers(url), f"the {name} answers")
        streams = stack.enter_context(redis.Redis.from_url(broker.url))
        yield Hub(**addresses, redis_url=broker.url, streams=streams, credentials=credentials)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
