"""`/promotions/{id}/events`: every event once, in order, until the promotion ends or the token does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from controlpanel.accounts.tokens import token_revoke
from controlpanel.catalog.models import Environment
from controlpanel.core import audit
from controlpanel.core.live import Hub
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.api import events
from deployments.choices import State
from deployments.models import Promotion, Release
from tests import fixtures_deployments as rows
from tests.deployments.api.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queued(platform: Release) -> Promotion:
    return rows.promotion(platform, Environment.objects.get(name="staging"), by=rows.person("elif", Role.OPERATOR))


async def follow(admin: Caller, promotion: Promotion, last: str = "") -> AsyncIterator[bytes]:
    headers = {**admin.headers, **({"Last-Event-ID": last} if last else {})}
    response = await AsyncClient().get(f"/api/v1/promotions/{promotion.pk}/events", headers=headers)
    assert response.headers["Content-Type"] == "text/event-stream"
    return aiter(cast(StreamingHttpResponse, response))


def frame(sent: bytes) -> dict[str, Any]:
    """The data of one event; its id and name agree with it."""
    members = dict(line.split(": ", 1) for line in sent.decode().strip().split("\n"))
    data: dict[str, Any] = json.loads(members["data"])
    assert (members["id"], members["event"]) == (str(data["sequence"]), data["type"])
    assert data.keys() == {"sequence", "at", "type", "actor", "message"}
    return data


async def rest(stream: AsyncIterator[bytes]) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        return [frame(sent) async for sent in stream if not sent.startswith(b":")]


def abort(promotion: Promotion) -> None:
    lifecycle.end(promotion, State.CANCELED, actor=audit.SYSTEM, message="Aborted.")


async def test_what_happened_is_told_first_then_what_happens_until_the_end(
    admin: Caller, queued: Promotion, hub: Hub
) -> None:
    stream = await follow(admin, queued)
    first = frame(await anext(stream))
    assert (first["sequence"], first["type"]) == (1, "promotion.requested")
    await sync_to_async(abort)(queued)
    told = await rest(stream)
    assert [event["sequence"] for event in told] == list(range(2, 2 + len(told)))
    assert told[-1]["type"] == "promotion.canceled"


async def test_a_broken_stream_goes_on_behind_the_last_event(admin: Caller, queued: Promotion, hub: Hub) -> None:
    await sync_to_async(abort)(queued)
    told = await rest(await follow(admin, queued, last="2"))
    assert told[0]["sequence"] == 3


@pytest.mark.parametrize("last", ["x", "-1", "9" * 18])
async def test_an_id_that_is_none_begins_anew(admin: Caller, queued: Promotion, hub: Hub, last: str) -> None:
    await sync_to_async(abort)(queued)
    assert (await rest(await follow(admin, queued, last=last)))[0]["sequence"] == 1


async def test_silence_is_broken_by_heartbeats(
    admin: Caller, queued: Promotion, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    stream = await follow(admin, queued)
    async with asyncio.timeout(5):
        while not (sent := await anext(stream)).startswith(b":"):
            frame(sent)


async def test_a_revoked_token_ends_the_stream(
    admin: Caller, queued: Promotion, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    stream = await follow(admin, queued)
    frame(await anext(stream))
    await sync_to_async(token_revoke)(actor=audit.SYSTEM, token=admin.token)
    await sync_to_async(abort)(queued)
    assert "promotion.canceled" not in [event["type"] for event in await rest(stream)]
