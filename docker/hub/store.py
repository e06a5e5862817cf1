"""What the backend keeps in Redis. Every key begins with its tenant, so that an ACL by prefix separates them."""

from __future__ import annotations

import json
from typing import Any

from redis.asyncio import Redis

from docker.hub.events import Event

TOKEN_SECONDS = 55 * 60
STREAM_LENGTH = 1000
SEEN_SECONDS = 24 * 3600
AGENTS = [{"id": "triage", "version": "1"}, {"id": "scheduling", "version": "1"}]


class Store:
    """The keys of each tenant: its events, its cached agents and its token."""

    def __init__(self, url: str, *, ca_file: str = "") -> None:
        authority: dict[str, Any] = {"ssl_ca_certs": ca_file} if ca_file and url.startswith("rediss:") else {}
        self._redis: Redis = Redis.from_url(url, decode_responses=True, socket_timeout=5, **authority)

    async def is_up(self) -> bool:
        """Whether Redis answers."""
        try:
            return bool(await self._redis.ping())
        except Exception:  # noqa: BLE001  # whatever the reason, it does not answer
            return False

    async def keep(self, event: Event) -> bool:
        """Append an event to `{tenant}:hub:events`; false where its id is already there."""
        key = f"{event.tenant}:hub:seen:{event.id}"
        if not await self._redis.set(key, "1", nx=True, ex=SEEN_SECONDS):
            return False
        await self._redis.xadd(f"{event.tenant}:hub:events", event.fields(), maxlen=STREAM_LENGTH, approximate=True)  # type: ignore[arg-type]
        return True

    async def agents(self, tenant: str) -> list[dict[str, Any]]:
        """The tenant's agents, cached in `{tenant}:hub:registry:agents`."""
        key = f"{tenant}:hub:registry:agents"
        kept = await self._redis.get(key)
        if kept is None:
            await self._redis.set(key, kept := json.dumps(AGENTS))
        agents: list[dict[str, Any]] = json.loads(kept)
        return agents

    async def refresh_token(self, tenant: str, token: str) -> None:
        """Keep the tenant's OnlyChannel token for 55 minutes; an existing one stays until it ends."""
        await self._redis.set(f"{tenant}:onlychannel:token", token, nx=True, ex=TOKEN_SECONDS)
