"""Live events: what a transaction publishes reaches the streams that asked for it, and nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import AsyncClient

from controlpanel.core import live
from controlpanel.core.live import RESYNC, Hub, Stream
from controlpanel.core.views import events
from tests.core import rules

PATIENCE = 5.0
ALLOW_ALL = {"listen": f"{rules.__name__}.everyone"}


async def told(stream: Stream, topic: str) -> int:
    """Wait until the stream hears of the topic; its sequence."""
    async with asyncio.timeout(PATIENCE):
        while True:
            changes = await stream.changes(PATIENCE)
            if topic in changes:
                return changes[topic]


def publish(*topics: str, roll_back: bool = False) -> None:
    """Publish in one transaction."""
    with transaction.atomic():
        for topic in topics:
            live.publish(topic)
        if roll_back:
            transaction.set_rollback(True)


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    """A hub that ends with the test."""
    made = Hub()
    yield made
    made.close()


async def quiet(hub: Hub, *topics: str) -> Stream:
    """A stream that has heard what every new stream hears."""
    stream = Stream(topics)
    await hub.add(stream, patience=PATIENCE)
    await told(stream, RESYNC)
    return stream


@pytest.mark.django_db(transaction=True)
class TestHub:
    async def test_a_committed_change_reaches_the_stream_that_asked(self, hub: Hub) -> None:
        stream = await quiet(hub, "promotion.7")
        await sync_to_async(publish)("promotion.7")
        assert await told(stream, "promotion.7") > 0

    async def test_what_is_rolled_back_is_never_told(self, hub: Hub) -> None:
        stream = await quiet(hub, "promotion.7", "releases")
        await sync_to_async(publish)("promotion.7", roll_back=True)
        await sync_to_async(publish)("releases")
        async with asyncio.timeout(PATIENCE):
            assert set(await stream.changes(PATIENCE)) == {"releases"}

    async def test_nobody_hears_of_topics_that_he_did_not_ask_for(self, hub: Hub) -> None:
        stream = await quiet(hub, "releases")
        await sync_to_async(publish)("promotion.7", "releases")
        assert set(await stream.changes(PATIENCE)) == {"releases"}

    async def test_sequences_grow(self, hub: Hub) -> None:
        stream = await quiet(hub, "releases")
        await sync_to_async(publish)("releases")
        first = await told(stream, "releases")
        await sync_to_async(publish)("releases")
        assert await told(stream, "releases") > first

    async def test_a_page_read_just_before_the_change_is_told_when_its_stream_opens(self, hub: Hub) -> None:
        first = await quiet(hub, "releases")
        await sync_to_async(publish)("releases")
        await told(first, "releases")
        late = Stream(["releases"])
        await hub.add(late, patience=PATIENCE)
        assert "releases" in await late.changes(PATIENCE)

    async def test_a_lost_connection_heals_and_everything_is_read_again(self, hub: Hub) -> None:
        stream = await quiet(hub, "releases")
        await sync_to_async(_end_listeners)()
        await told(stream, RESYNC)
        await sync_to_async(publish)("releases")
        assert await told(stream, "releases") > 0

    async def test_a_slow_reader_keeps_only_the_last_change_of_a_topic(self, hub: Hub) -> None:
        stream = await quiet(hub, "releases")
        for sequence in range(1, 1001):
            hub.hand_out("releases", sequence)
        assert await stream.changes(PATIENCE) == {"releases": 1000}

    async def test_five_hundred_streams_hear_within_a_second(self, hub: Hub) -> None:
        streams = [Stream(["releases"]) for _ in range(500)]
        for stream in streams:
            await hub.add(stream, patience=PATIENCE)
        await asyncio.gather(*(told(stream, RESYNC) for stream in streams))
        await sync_to_async(publish)("releases")
        async with asyncio.timeout(1):
            await asyncio.gather(*(told(stream, "releases") for stream in streams))

    async def test_closing_ends_every_stream(self, hub: Hub) -> None:
        stream = await quiet(hub, "releases")
        hub.close()
        await asyncio.wait_for(stream.changes(PATIENCE), 1)
        assert not stream.is_open


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"topic": 1, "sequence": "x"}', "null"])
async def test_a_payload_that_is_not_ours_is_passed_over(payload: str) -> None:
    hub = Hub()
    stream = Stream(["releases"])
    hub.streams.add(stream)
    hub._hear(payload)
    assert await stream.changes(0) == {}


@pytest.mark.parametrize("topic", ["", "Releases", "promotion.", "a b", "promotion.7\ndata: x", "promotion.'"])
def test_a_topic_that_is_none_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="is not a topic"):
        live.publish(topic)


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    """A signed-in browser."""
    user = await get_user_model().objects.acreate(username="elif")
    browser = AsyncClient()
    await sync_to_async(browser.force_login)(user)
    yield browser
    events.hub_of_this_loop().close()


async def opened(client: AsyncClient, topics: str, **headers: str) -> AsyncIterator[bytes]:
    """The parts of a stream."""
    response: Any = await client.get(f"/events?topics={topics}", headers=headers)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/event-stream"
    assert "no-cache" in response["Cache-Control"]
    assert response["X-Accel-Buffering"] == "no"
    async for part in response.streaming_content:
        yield part


async def until(parts: AsyncIterator[bytes], wanted: bytes) -> bytes:
    """Read on until a part holds the text."""
    async with asyncio.timeout(PATIENCE):
        async for part in parts:
            if wanted in part:
                return part
    raise AssertionError(f"The stream ended without {wanted!r}.")


@pytest.mark.urls("tests.core.rules")
@pytest.mark.django_db(transaction=True)
class TestStream:
    @pytest.fixture(autouse=True)
    def rule(self, settings: Any) -> Iterator[None]:
        settings.PANEL_HOOKS = ALLOW_ALL
        events.may_listen.cache_clear()
        yield
        events.may_listen.cache_clear()

    async def test_a_stranger_is_told_to_sign_in(self) -> None:
        response = await AsyncClient().get("/events?topics=releases")
        assert response.status_code == 401

    async def test_only_get_is_answered(self, client: AsyncClient) -> None:
        assert (await client.post("/events?topics=releases")).status_code == 405

    async def test_a_change_arrives_as_a_name_and_a_sequence(self, client: AsyncClient) -> None:
        parts = opened(client, "promotion.7,releases")
        assert b"retry: 1000" in await until(parts, b"retry")
        await until(parts, b"event: resync")
        await sync_to_async(publish)("promotion.7")
        event = await until(parts, b"promotion.7")
        data = json.loads(event.partition(b"data: ")[2].splitlines()[0])
        assert set(data) == {"topic", "sequence"}
        assert f"id: {data['sequence']}\nevent: change".encode() in event

    async def test_topics_that_are_not_the_persons_are_left_out(self, client: AsyncClient) -> None:
        parts = opened(client, "promotion.7,forbidden.1,not a topic")
        assert b"listening to 1 topics" in await until(parts, b"retry")

    async def test_who_comes_back_reads_everything_once(self, client: AsyncClient) -> None:
        first = opened(client, "releases")
        await until(first, b"event: resync")
        events.hub_of_this_loop()._listening_since -= 3600
        second = opened(client, "releases", **{"Last-Event-ID": "41"})
        await until(second, b"event: resync")

    async def test_who_signs_out_hears_no_more(self, client: AsyncClient) -> None:
        parts = opened(client, "releases")
        await until(parts, b"event: resync")
        await sync_to_async(client.logout)()
        await events.check_rights(events.hub_of_this_loop())
        await until(parts, b"event: signed_out")

    async def test_who_is_switched_off_hears_no_more(self, client: AsyncClient) -> None:
        parts = opened(client, "releases")
        await until(parts, b"event: resync")
        await get_user_model().objects.all().aupdate(is_active=False)
        await events.check_rights(events.hub_of_this_loop())
        await until(parts, b"event: signed_out")

    async def test_who_keeps_every_right_hears_on(self, client: AsyncClient) -> None:
        parts = opened(client, "releases")
        await until(parts, b"event: resync")
        await events.check_rights(events.hub_of_this_loop())
        await sync_to_async(publish)("releases")
        await until(parts, b"event: change")

    async def test_rights_are_looked_at_again_after_a_look_that_failed(
        self, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks = iter([ValueError("a role that nobody knows")])

        def refused(streams: Iterable[Stream]) -> list[Stream]:
            if (error := next(looks, None)) is not None:
                raise error
            return list(streams)

        monkeypatch.setattr(events, "_refused", refused)
        monkeypatch.setattr(events, "RIGHTS_SECONDS", 0.01)
        parts = opened(client, "releases")
        await until(parts, b"event: signed_out")

    async def test_silence_is_filled_with_comments(self, client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
        parts = opened(client, "releases")
        await until(parts, b"event: resync")
        assert await until(parts, b": still here") == b": still here\n\n"

    async def test_an_open_stream_holds_no_database_connection(self, client: AsyncClient) -> None:
        before = await sync_to_async(_connections)()
        streams = [opened(client, "releases") for _ in range(12)]
        for parts in streams:
            await until(parts, b"event: resync")
        for _ in range(100):  # the newest view gives its own back in a moment
            if await sync_to_async(_connections)() <= before + 1:
                break
            await asyncio.sleep(0.05)
        assert await sync_to_async(_connections)() <= before + 1  # the one that listens


def _end_listeners() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'control-panel live'"
        )


def _connections() -> int:
    with psycopg.connect(**live.connection_parameters()) as watcher:
        row = watcher.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    return int(row[0])
