"""The hub's Redis as the panel looks at it: whether keys are there, never what they hold.

Of `{tenant}:onlychannel:token` only the time to live is asked, of `{tenant}:hub:registry:agents` a count, and of the stream
`{tenant}:hub:events` length and last entries, of which everything but id, type, source and a short note is dropped here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from controlpanel.clients import errors
from controlpanel.clients.argocd_json import storable
from controlpanel.clients.credentials_in_text import without_credentials
from controlpanel.clients.hub import as_tenant

SYSTEM = "Redis"
CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
BATCH = 200
"""Tenants that one pair of round trips asks for."""
TAIL = 10
MOST_BYTES = 1024 * 1024
"""What would be longer is not read: a list of agents as one text, the tail of a stream."""
MOST_NOTE = 120
NONE, NO_EXPIRY = -2, -1
_COUNTS = {"list": "LLEN", "set": "SCARD", "zset": "ZCARD", "hash": "HLEN"}


@dataclass(frozen=True)
class StreamEntry:
    """One event of the stream without its body. `note` is one short line or empty."""

    id: str
    at: datetime
    event: str
    type: str
    source: str
    note: str


@dataclass(frozen=True)
class TenantKeys:
    """What is there of a tenant. `agents` is None where there is no list of them (or none that can be counted).

    `token_ttl` is in seconds, None for a token without an end; it means nothing where `has_token` is False.
    """

    agents: int | None = None
    has_token: bool = False
    token_ttl: int | None = None
    has_stream: bool = False
    stream_length: int = 0
    tail: tuple[StreamEntry, ...] = ()


class Redis:
    """One server; safe to share between threads."""

    def __init__(self, url: str, *, client: redis.Redis | None = None) -> None:
        """`url` is `redis[s]://[user][:password]@host[:port][/database]`; `client` replaces the real one in tests."""
        self._client = client or _connected(url)

    def __repr__(self) -> str:
        return "Redis()"

    def close(self) -> None:
        self._client.close()

    def version(self) -> str:
        """The server's version, "" where it does not tell."""
        try:
            found = self._client.info("server")
        except redis.RedisError as error:
            raise _failure(error, "say its version") from None
        return storable(str(found.get("valkey_version") or found.get("redis_version") or ""))

    def tenants(self, slugs: Sequence[str]) -> dict[str, TenantKeys]:
        """The keys of these tenants, by slug, in batches of two round trips. Raises `ClientError`."""
        found: dict[str, TenantKeys] = {}
        for start in range(0, len(slugs), BATCH):
            found |= self._batch(slugs[start : start + BATCH])
        return found

    def present(self, keys: Sequence[str]) -> list[bool]:
        """For each of these keys whether it is there; whoever asks has checked the names."""
        return [bool(answer) for answer in self._asked([("EXISTS", key) for key in keys], "look for keys")]

    def has_event(self, slug: str, event: str, *, most: int = 1000) -> bool:
        """Whether an event with this id is among the newest of the tenant's stream."""
        as_tenant(slug)
        rows = self._asked([("XREVRANGE", f"{slug}:hub:events", "+", "-", "COUNT", most)], f"look for {event}")[0]
        return any(entry.event == event for entry in _entries(rows))

    def _batch(self, slugs: Sequence[str]) -> dict[str, TenantKeys]:
        for slug in slugs:
            as_tenant(slug)
        what = "look at the tenants' keys"
        first = self._asked([command for slug in slugs for command in _outline(slug)], what)
        outlines = [first[place : place + 5] for place in range(0, len(first), 5)]
        more = [_details(slug, outline) for slug, outline in zip(slugs, outlines, strict=True)]
        second = iter(self._asked([command for commands in more for command in commands], what))
        return {
            slug: _keys(outline, [next(second) for _ in commands])
            for slug, outline, commands in zip(slugs, outlines, more, strict=True)
        }

    def _asked(self, commands: Sequence[tuple[Any, ...]], what: str) -> list[Any]:
        """The answers in order; one that was refused (a foreign type, a missing right) is its error."""
        if not commands:
            return []
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
                answers = pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            raise _failure(error, what) from None
        refused = next((one for one in answers if isinstance(one, redis.exceptions.NoPermissionError)), None)
        if refused is not None:
            raise _failure(refused, what)
        return list(answers)


def _outline(slug: str) -> tuple[tuple[Any, ...], ...]:
    agents, stream = f"{slug}:hub:registry:agents", f"{slug}:hub:events"
    return (
        ("TYPE", agents), ("TTL", f"{slug}:onlychannel:token"), ("TYPE", stream), ("XLEN", stream),
        ("MEMORY", "USAGE", stream),
    )  # fmt: skip


def _details(slug: str, outline: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What a second round trip asks: the count of agents, and the tail where it is not huge."""
    kind, _, stream, length, size = outline
    agents = f"{slug}:hub:registry:agents"
    commands: list[tuple[Any, ...]] = []
    if (counted := _COUNTS.get(_text(kind))) is not None:
        commands.append((counted, agents))
    elif _text(kind) == "string":
        commands.append(("GETRANGE", agents, 0, MOST_BYTES))
    if _text(stream) == "stream" and _integer(length) and _integer(size) / _integer(length) * TAIL <= MOST_BYTES:
        commands.append(("XREVRANGE", f"{slug}:hub:events", "+", "-", "COUNT", TAIL))
    return commands


def _keys(outline: Sequence[Any], details: list[Any]) -> TenantKeys:
    kind, ttl, stream, length, _ = outline
    agents: int | None = None
    if _text(kind) in (*_COUNTS, "string"):
        answer = details.pop(0)
        agents = _listed(answer) if _text(kind) == "string" else _integer(answer)
    seconds = _integer(ttl) if isinstance(ttl, int) else NONE
    return TenantKeys(
        agents=agents,
        has_token=seconds != NONE,
        token_ttl=None if seconds in (NONE, NO_EXPIRY) else seconds,
        has_stream=_text(stream) == "stream",
        stream_length=_integer(length),
        tail=tuple(_entries(details[0])) if details else (),
    )


def _listed(answer: Any) -> int | None:
    """How many agents a JSON text lists; the text itself goes no further."""
    try:
        found = json.loads(answer)
    except (ValueError, TypeError, RecursionError):
        return None
    found = found.get("agents", found) if isinstance(found, dict) else found
    return len(found) if isinstance(found, list | dict) else None


def _entries(rows: Any) -> Iterator[StreamEntry]:
    for row in rows if isinstance(rows, list) else ():
        identifier, fields = _text(row[0]), _fields(row[1])
        yield StreamEntry(
            id=identifier, at=_at(identifier), event=_line(fields.get("id")), type=_line(fields.get("type")),
            source=_line(fields.get("source")), note=_note(fields),
        )  # fmt: skip


def _fields(row: Any) -> Mapping[str, Any]:
    """The fields of an entry; a hub that writes the whole event as one JSON text is understood as well."""
    pairs = row.items() if isinstance(row, dict) else zip(row[::2], row[1::2], strict=False) if row else ()
    fields = {_text(name): _text(value) for name, value in pairs}
    if "type" not in fields and len(fields) == 1:
        return _object(next(iter(fields.values())))
    return fields


def _note(fields: Mapping[str, Any]) -> str:
    """A short line that is no body: what the hub itself calls a note, and what a deployment announces."""
    if note := _line(fields.get("note")):
        return note
    payload = fields.get("payload")
    known = payload if isinstance(payload, dict) else _object(payload)
    is_deployment = fields.get("type") == "infra.deploy" and isinstance(known.get("buildId"), str)
    return _line(f"build {known['buildId']}") if is_deployment else ""


def _object(written: Any) -> Mapping[str, Any]:
    try:
        found = json.loads(written)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _line(value: Any) -> str:
    return without_credentials(storable(" ".join(value.split())))[:MOST_NOTE] if isinstance(value, str) else ""


def _at(identifier: str) -> datetime:
    """When the entry was written: its id begins with milliseconds."""
    try:
        return datetime.fromtimestamp(int(identifier.partition("-")[0]) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def _integer(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _connected(url: str) -> redis.Redis:
    if not url.startswith(("redis://", "rediss://")):
        raise errors.Invalid(
            f"The address of {SYSTEM} is not usable.", "Give it as rediss://user:password@host:port/0."
        )
    try:
        return redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=READ_SECONDS, max_connections=8,
            retry=Retry(NoBackoff(), 0), client_name="control-panel",
        )  # fmt: skip
    except (ValueError, TypeError):  # the text may hold a password: it is not repeated
        raise errors.Invalid(
            f"The address of {SYSTEM} is not usable.", "Give it as rediss://user:password@host:port/0."
        ) from None


def _failure(error: redis.RedisError, what: str) -> errors.ClientError:
    """The one mapping of redis-py's errors."""
    said = without_credentials(storable(" ".join(str(error).split())))[:300]
    if isinstance(error, redis.exceptions.AuthenticationError | redis.exceptions.AuthorizationError):
        return errors.CredentialsRefused(
            f"{SYSTEM} refused the user or password.", "Correct them in the address that the catalog names.", status=401
        )
    if isinstance(error, redis.exceptions.NoPermissionError):
        return errors.PermissionRefused(
            f"{SYSTEM} does not let the panel {what}: {said}.",
            "Allow EXISTS, TYPE, TTL, XLEN, XREVRANGE, MEMORY USAGE, LLEN, SCARD, ZCARD, HLEN and GETRANGE on these keys.", status=403,
        )  # fmt: skip
    if isinstance(error, redis.exceptions.ConnectionError):
        return errors.NotSent(f"{SYSTEM} cannot be reached to {what}: {said}.", "Check its address and that it runs.")
    if isinstance(error, redis.exceptions.TimeoutError):
        return errors.Ambiguous(f"{SYSTEM} did not answer in time to {what}.", "It is asked again.")
    return errors.Invalid(f"{SYSTEM} refused to {what}: {said}.", "See what lies under the tenants' keys.")
