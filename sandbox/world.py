"""All parts of one sandbox, put together, started and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.applications import Applications
from sandbox.clock import Clock
from sandbox.cluster import Cluster
from sandbox.controller import Controller
from sandbox.faults import Faults
from sandbox.kubernetes import Kubernetes
from sandbox.manifests import Manifests
from sandbox.projects import Projects
from sandbox.repositories import Repositories
from sandbox.scheduler import Scheduler
from sandbox.secret_stores import SecretStores
from sandbox.store import Store
from sandbox.streams import Hub
from sandbox.tenant_hub import TenantHubs
from sandbox.tokens import Tokens
from sandbox.windows import Windows

FLUSH_SECONDS = 0.2


@dataclass(frozen=True)
class Settings:
    """Where the sandbox keeps its state and its copies of repositories, and how fast its time runs."""

    state: Path
    repository_cache: Path
    speed: float = 1.0
    admin_password_file: Path | None = None
    hubs: Mapping[str, str] = field(default_factory=dict)
    """Name to the address of the Redis that this hub keeps its tenants' keys in."""


def admin_password(settings: Settings) -> str:
    """The password in the file; a new one is written there (or into the state) when there is none yet."""
    path = settings.admin_password_file or settings.state / "admin-password"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(18) + "\n", "utf-8")
    return path.read_text("utf-8").strip()


class World:
    """One Argo CD and its cluster."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.requests: Counter[str] = Counter()
        self.store = Store(settings.state)
        self.clock = Clock(settings.speed)
        self.scheduler = Scheduler(self.clock)
        self.hub = Hub()
        self.tokens = Tokens(self.store, self.clock)
        self.projects = Projects(self.store, self.clock, self.tokens)
        self.cluster = Cluster(self.store, self.scheduler)
        self.faults = Faults(settings.state / "faults.jsonl")
        self.secret_stores = SecretStores(self.store)
        self.kubernetes = Kubernetes(self.cluster, self.secret_stores, self.faults)
        self.repositories = Repositories(settings.repository_cache)
        self.manifests = Manifests(self.repositories)
        self.applications = Applications(self.store, self.clock, self.hub)
        self.windows = Windows(self.projects, self.clock)
        self.controller = Controller(
            self.applications, self.cluster, self.manifests, self.scheduler, self.windows, self.faults
        )
        self.tenant_hubs = TenantHubs(settings.hubs, self.store, self.cluster, settings.state / "hub-events.jsonl")
        self.password_digest = hashlib.sha256(admin_password(settings).encode()).digest()
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take up what an earlier process left and let time run."""
        self.cluster.resume()
        self.controller.resume()
        self.tenant_hubs.start()
        self._loops = [asyncio.create_task(self.scheduler.run()), asyncio.create_task(self._flush_often())]

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self.store.flush()

    async def stop(self) -> None:
        """Stop time and write everything."""
        self.hub.close()
        await self.tenant_hubs.stop()
        self.scheduler.stop()
        await self._loops[0]
        self._loops[1].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._loops[1]
        await self.controller.stop()
        self.repositories.close()
        self.store.close()
