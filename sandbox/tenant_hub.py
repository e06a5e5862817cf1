"""A hub that serves tenants, one for each environment: knows who they are, keeps their keys in Redis, takes events.

Its tenants are those whose tokens lie in Secrets of the namespaces named after it (`hub-staging` for the hub `staging`), and
whom its control route adds. A tenant's token key lives as long as the platform says; its value is made up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis.asyncio as redis

from sandbox.cluster import Cluster
from sandbox.documents import Document
from sandbox.store import Store

KIND = "tenant-hub"
TOKEN_SECONDS = 55 * 60
TICK_SECONDS = 3.0
KEEP_SECONDS = 30.0
EVENTS_A_TICK = 3
STREAM_LENGTH = 2000
TOKEN_SUFFIX = ".ONLYCHANNEL_ACCOUNT_TOKEN"
AGENTS = ("intake", "triage", "scheduling", "follow-up", "translation", "billing", "reviews", "transfer", "aftercare")
CHATTER = (
    ("message.inbound", "onlychannel", "agent intake, tr"),
    ("message.inbound", "onlychannel", "agent intake, ar"),
    ("agent.reply", "orchestrator", "842 ms"),
    ("registry.synced", "backend", ""),
    ("appointment.proposed", "doktor365", "calendar"),
)
logger = logging.getLogger(__name__)


class EventRefused(Exception):
    """The event is not as the interface asks."""


class TenantHub:
    """One environment's hub. `errors` is how many errors a second a tenant's agents make; `unwell` tenants answer 503, always
    or, with `unwell_with`, while a container runs an image whose name has this text; `slow` ones answer after so many
    seconds; events of those in `refusing` are refused."""

    def __init__(self, name: str, url: str, store: Store, cluster: Cluster, log: Path) -> None:
        self.name = name
        self._store = store
        self._cluster = cluster
        self._log = log
        self._redis = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=5)
        self._seen = {line["id"] for line in self.events()}
        self._known: frozenset[str] = frozenset()
        self._kept: frozenset[str] = frozenset()
        self._kept_until = 0.0
        self.is_away = False

    @property
    def settings(self) -> Document:
        """What the control route set: `tenants`, `errors`, `unwell`, `unwell_with`, `slow`, `refusing`, `is_quiet`."""
        return self._store.get(KIND, self.name) or {}

    def change(self, settings: Mapping[str, object]) -> None:
        """Set some of them; what the errors were before is kept, as Prometheus keeps it."""
        past = {"past_errors": self.settings.get("errors", {}), "errors_since": self._cluster.clock.epoch()}
        self._store.put(KIND, self.name, {**self.settings, **(past if "errors" in settings else {}), **settings})
        self._known = frozenset()

    def tenants(self) -> frozenset[str]:
        """Everybody whom this hub serves."""
        if not self._known:
            self._known = frozenset({*self.settings.get("tenants", ()), *self._with_tokens()})
        return self._known

    def error_rate(self, tenant: str, at: float) -> float:
        """Errors a second of the tenant's agents at a time, in seconds since the epoch."""
        was = at < float(self.settings.get("errors_since", 0.0))
        return float(self.settings.get("past_errors" if was else "errors", {}).get(tenant, 0.0))

    def is_well(self, tenant: str = "") -> bool:
        """Whether the hub is well, for everybody or for one tenant."""
        unwell = {*self.settings.get("unwell", ()), *self._unwell_with()}
        return "*" not in unwell and tenant not in unwell

    def delay(self, tenant: str) -> float:
        """Seconds that an answer to the tenant takes."""
        return float(self.settings.get("slow", {}).get(tenant, 0.0))

    def refuses(self, tenant: str) -> bool:
        """Whether the tenant's events are refused."""
        return tenant in self.settings.get("refusing", ())

    def events(self) -> list[Document]:
        """Every accepted event, oldest first, with what it was posted for."""
        lines = self._log.read_text("utf-8").splitlines() if self._log.exists() else ()
        return [line for text in lines if (line := json.loads(text))["hub"] == self.name]

    async def accept(self, tenant: str, event: Document) -> str:
        """Take an event of this tenant; `accepted`, or `duplicate` for an id that was taken before."""
        _check(tenant, event)
        if self.refuses(tenant):
            raise EventRefused("the tenant's registry does not take it")
        if event["id"] in self._seen:
            return "duplicate"
        self._seen.add(event["id"])
        try:
            await self._write(tenant, event)
        except (redis.RedisError, OSError):
            self._seen.discard(event["id"])
            raise
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps({"hub": self.name, "tenant": tenant, **event}) + "\n")
        return "accepted"

    async def run(self) -> None:
        """Keep the keys of all tenants, and let them talk, until cancelled. Redis may be away."""
        while True:
            self._known = frozenset()
            try:
                await self._keep()
                await self._talk()
                self.is_away = False
            except (redis.RedisError, OSError) as error:
                if not self.is_away:
                    logger.warning("redis is away hub=%s error=%s", self.name, type(error).__name__)
                self.is_away, self._kept_until = True, 0.0
            await self._cluster.clock.sleep(TICK_SECONDS)

    async def _keep(self) -> None:
        """Write what is missing of the tenants' keys: now and then of all, at once of new ones."""
        now = self._cluster.clock.epoch()
        wanted = self.tenants() if now >= self._kept_until else self.tenants() - self._kept
        async with self._redis.pipeline(transaction=False) as pipeline:
            for tenant in sorted(wanted):
                pipeline.set(f"{tenant}:hub:registry:agents", json.dumps(_agents(tenant)), nx=True)
                pipeline.set(f"{tenant}:onlychannel:token", _token(), ex=TOKEN_SECONDS, nx=True)
            await pipeline.execute()
        self._kept = self.tenants()
        if now >= self._kept_until:
            self._kept_until = now + KEEP_SECONDS

    async def _talk(self) -> None:
        tenants = [] if self.settings.get("is_quiet") else sorted(self.tenants())
        for tenant in random.sample(tenants, min(EVENTS_A_TICK, len(tenants))):
            kind, source, note = random.choice(CHATTER)
            event = {"id": secrets.token_hex(8), "type": kind, "source": source, "note": note}
            body = {"body": "of a patient, for nobody's eyes"}
            await self._write(tenant, event | {"timestamp": _now(), "payload": body})

    async def stop(self) -> None:
        """Close the connections."""
        with contextlib.suppress(redis.RedisError, OSError):
            await self._redis.aclose()

    async def _write(self, tenant: str, event: Document) -> None:
        fields = {key: value if isinstance(value, str) else json.dumps(value) for key, value in event.items()}
        stream: dict[Any, Any] = {"tenantId": tenant, **fields}
        await self._redis.xadd(f"{tenant}:hub:events", stream, maxlen=STREAM_LENGTH, approximate=True)

    def _unwell_with(self) -> Iterable[str]:
        """Tenants that an image which runs here does no good."""
        for text, tenants in self.settings.get("unwell_with", {}).items():
            if any(text in image for image in self._images()):
                yield from tenants

    def _images(self) -> Iterable[str]:
        for manifest in self._cluster.all():
            if manifest["kind"] == "Deployment" and self._is_here(manifest):
                containers = manifest["spec"]["template"]["spec"].get("containers", [])
                yield from (str(one.get("image", "")) for one in containers)

    def _is_here(self, manifest: Document) -> bool:
        return self.name in manifest["metadata"].get("namespace", "").split("-")

    def _with_tokens(self) -> Iterable[str]:
        for manifest in self._cluster.all():
            if manifest["kind"] == "Secret" and self._is_here(manifest):
                yield from (
                    key.removesuffix(TOKEN_SUFFIX) for key in manifest.get("data", {}) if key.endswith(TOKEN_SUFFIX)
                )


class TenantHubs:
    """All hubs of a sandbox, by name."""

    def __init__(self, urls: Mapping[str, str], store: Store, cluster: Cluster, log: Path) -> None:
        self.by_name = {name: TenantHub(name, url, store, cluster, log) for name, url in urls.items()}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Let all of them run."""
        self._tasks = [asyncio.create_task(hub.run()) for hub in self.by_name.values()]

    async def stop(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for hub in self.by_name.values():
            await hub.stop()


def _check(tenant: str, event: Document) -> None:
    for key in ("id", "tenantId", "type", "source", "timestamp"):
        if not isinstance(event.get(key), str) or not event[key]:
            raise EventRefused(f"{key} must be a text")
    if event["tenantId"] != tenant:
        raise EventRefused("tenantId is not the X-Tenant of the request")
    if not isinstance(event.get("payload"), dict):
        raise EventRefused("payload must be an object")
    try:
        datetime.fromisoformat(event["timestamp"])
    except ValueError as error:
        raise EventRefused("timestamp must be RFC 3339") from error


def _agents(tenant: str) -> list[Document]:
    count = 1 + sum(tenant.encode()) % len(AGENTS)
    return [{"id": f"{tenant}-{name}", "kind": name} for name in AGENTS[:count]]


def _token() -> str:
    return f"ak_{secrets.token_hex(16)}_{secrets.token_hex(4)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
