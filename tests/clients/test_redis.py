"""A tenant's keys in a real Valkey: what is seen, and what is never read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis as client_library

from controlpanel.clients import errors
from controlpanel.clients import redis as module
from controlpanel.clients.redis import Redis, StreamEntry, TenantKeys
from tests.chaos.broker import Broker
from tests.world import free_port

TOKEN = "ak_" + "0f" * 16 + "_" + "ab" * 4
BODY = "Ayşe Yılmaz asks for an appointment"


@pytest.fixture
def store(valkey: Broker) -> Iterator[client_library.Redis]:
    """Where a hub writes."""
    valkey.flush()
    with client_library.Redis(port=valkey.port) as connected:
        yield connected


@pytest.fixture
def redis(valkey: Broker) -> Iterator[Redis]:
    looking = Redis(valkey.url)
    yield looking
    looking.close()


def keys(redis: Redis, slug: str = "chat365") -> TenantKeys:
    return redis.tenants([slug])[slug]


def event(number: int, **fields: Any) -> dict[Any, Any]:
    return {"id": f"event-{number}", "tenantId": "chat365", "type": "message.inbound", "source": "onlychannel",
            "payload": json.dumps({"text": BODY}), **fields}  # fmt: skip


def test_a_tenant_that_the_hub_does_not_know_has_nothing(redis: Redis, store: client_library.Redis) -> None:
    assert keys(redis) == TenantKeys()


def test_of_the_token_only_the_time_to_live_is_known(redis: Redis, store: client_library.Redis) -> None:
    store.set("chat365:onlychannel:token", TOKEN, ex=3300)
    store.config_resetstat()
    found = keys(redis)
    assert found.has_token
    assert found.token_ttl is not None
    assert 3290 <= found.token_ttl <= 3300
    assert TOKEN not in repr(found)
    assert not {"cmdstat_get", "cmdstat_mget", "cmdstat_dump", "cmdstat_getrange"} & store.info("commandstats").keys()


def test_a_token_without_an_end_is_told_from_a_missing_one(redis: Redis, store: client_library.Redis) -> None:
    store.set("chat365:onlychannel:token", TOKEN)
    assert (keys(redis).has_token, keys(redis).token_ttl) == (True, None)


@pytest.mark.parametrize(
    ("kind", "count"),
    [("json", 3), ("object", 3), ("list", 3), ("set", 3), ("hash", 3), ("zset", 3), ("text", None), ("stream", None)],
)
def test_agents_are_counted_however_they_are_kept(
    redis: Redis, store: client_library.Redis, kind: str, count: int | None
) -> None:
    key, agents = "chat365:hub:registry:agents", ["intake", "triage", "follow-up"]
    writers: dict[str, Callable[[], Any]] = {
        "json": lambda: store.set(key, json.dumps(agents)),
        "object": lambda: store.set(key, json.dumps({"agents": agents})),
        "list": lambda: store.rpush(key, *agents),
        "set": lambda: store.sadd(key, *agents),
        "hash": lambda: store.hset(key, mapping=dict.fromkeys(agents, "{}")),
        "zset": lambda: store.zadd(key, dict.fromkeys(agents, 1.0)),
        "text": lambda: store.set(key, "three agents"),
        "stream": lambda: store.xadd(key, {"a": "b"}),
    }
    writers[kind]()
    assert keys(redis).agents == count


def test_the_tail_is_newest_first_and_without_bodies(redis: Redis, store: client_library.Redis) -> None:
    for number in range(25):
        store.xadd("chat365:hub:events", event(number, note="onlychannel agent intake, tr"))
    found = keys(redis)
    assert (found.has_stream, found.stream_length, len(found.tail)) == (True, 25, module.TAIL)
    newest = found.tail[0]
    assert isinstance(newest, StreamEntry)
    assert (newest.event, newest.type, newest.source) == ("event-24", "message.inbound", "onlychannel")
    assert newest.note == "onlychannel agent intake, tr"
    assert BODY not in repr(found)


def test_a_deployment_tells_its_build(redis: Redis, store: client_library.Redis) -> None:
    payload = json.dumps({"buildId": "2026.11.3"})
    store.xadd("chat365:hub:events", event(1, type="infra.deploy", source="argo", payload=payload))
    assert keys(redis).tail[0].note == "build 2026.11.3"


def test_an_event_in_one_field_is_understood(redis: Redis, store: client_library.Redis) -> None:
    payload = {"buildId": "2026.11.3"}
    whole = event(1, type="infra.deploy", source="argo", payload=payload)
    store.xadd("chat365:hub:events", {"event": json.dumps(whole)})
    entry = keys(redis).tail[0]
    assert (entry.event, entry.type, entry.source, entry.note) == ("event-1", "infra.deploy", "argo", "build 2026.11.3")


@pytest.mark.parametrize(
    "fields",
    [{"event": "no JSON"}, {"event": "[1, 2]"}, {"a": "b", "c": "d"}, {"type": b"\xff\xfe", "note": b"\x00\xff"}],
)
def test_entries_of_any_shape_do_no_harm(redis: Redis, store: client_library.Redis, fields: dict[Any, Any]) -> None:
    store.xadd("chat365:hub:events", fields)
    (entry,) = keys(redis).tail
    assert "\x00" not in entry.note


def test_a_note_is_one_short_line_without_credentials(redis: Redis, store: client_library.Redis) -> None:
    store.xadd("chat365:hub:events", event(1, note=f"token {TOKEN}\nrefused " + "x" * 500))
    note = keys(redis).tail[0].note
    assert TOKEN not in note
    assert "\n" not in note
    assert len(note) <= module.MOST_NOTE


def test_what_is_huge_is_not_read(redis: Redis, store: client_library.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10_000)
    store.set("chat365:hub:registry:agents", json.dumps(["x" * 100] * 1000))
    for number in range(10):
        store.xadd("chat365:hub:events", event(number, payload="x" * 5_000))
    found = keys(redis)
    assert (found.agents, found.stream_length, found.tail) == (None, 10, ())


def test_many_tenants_cost_two_round_trips_a_batch(redis: Redis, store: client_library.Redis) -> None:
    slugs = [f"clinic-{number}" for number in range(450)]
    store.set("clinic-449:onlychannel:token", TOKEN, ex=60)
    found = redis.tenants(slugs)
    assert list(found) == slugs
    assert [slug for slug in slugs if found[slug].has_token] == ["clinic-449"]


def test_an_event_is_found_by_its_own_id(redis: Redis, store: client_library.Redis) -> None:
    store.xadd("chat365:hub:events", event(7))
    assert redis.has_event("chat365", "event-7")
    assert not redis.has_event("chat365", "event-8")
    assert not redis.has_event("nova-fertility", "event-7")


def test_a_key_of_a_foreign_type_counts_as_missing(redis: Redis, store: client_library.Redis) -> None:
    store.set("chat365:hub:events", "no stream")
    assert (keys(redis).has_stream, keys(redis).stream_length) == (False, 0)


def test_what_is_no_slug_is_never_part_of_a_key(redis: Redis) -> None:
    with pytest.raises(errors.Invalid):
        redis.tenants(["chat365", "a:b"])


def test_the_version_is_told(redis: Redis) -> None:
    assert redis.version()


def test_a_wrong_password_is_told_without_it(valkey: Broker, store: client_library.Redis) -> None:
    store.config_set("requirepass", "right-password")
    try:
        with pytest.raises(errors.CredentialsRefused) as refused:
            Redis(f"redis://:wrong-password@127.0.0.1:{valkey.port}/0").version()
        assert "wrong-password" not in str(refused.value)
        with pytest.raises(errors.CredentialsRefused):
            Redis(valkey.url).tenants(["chat365"])
    finally:
        client_library.Redis(port=valkey.port, password="right-password").config_set("requirepass", "")


def test_a_missing_right_is_named(valkey: Broker, store: client_library.Redis) -> None:
    store.acl_setuser("narrow", enabled=True, nopass=True, keys=["*"], categories=["+@connection"])
    with pytest.raises(errors.PermissionRefused, match="narrow"):
        Redis(f"redis://narrow:any@127.0.0.1:{valkey.port}/0").tenants(["chat365"])


def test_nobody_at_home_is_certainly_not_asked() -> None:
    with pytest.raises(errors.NotSent, match="cannot be reached"):
        Redis(f"redis://127.0.0.1:{free_port()}/0").tenants(["chat365"])


@pytest.mark.parametrize("url", ["", "http://a.test", "redis://a.test:port", "rediss://a.test/x?ssl_cert_reqs=maybe"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(errors.ClientError):
        Redis(url).version()
