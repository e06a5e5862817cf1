"""Requests wait for each other instead of for a connection that they do not get."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from controlpanel.core.turns import Turns

WHOLE = {"type": "http.request", "body": b"", "more_body": False}
PART = {"type": "http.request", "body": b"a", "more_body": True}


@dataclass
class Panel:
    """An application that notes who is inside, and answers when the test says so."""

    inside: list[str] = field(default_factory=list)
    may_answer: dict[str, asyncio.Event] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        name = scope["path"]
        self.inside.append(name)
        await self.may_answer.setdefault(name, asyncio.Event()).wait()
        await send({"type": "http.response.start", "status": 200})
        if scope["path"] == "/stream":
            await asyncio.Event().wait()


class Requests:
    """Sends requests to the application through `Turns`."""

    def __init__(self, at_once: int) -> None:
        self.panel = Panel()
        self.turns = Turns(self.panel, at_once)

    async def begin(self, path: str, *messages: MutableMapping[str, Any]) -> asyncio.Task[None]:
        waiting = list(messages or [WHOLE])

        async def receive() -> MutableMapping[str, Any]:
            if not waiting:
                await asyncio.Event().wait()
            return waiting.pop(0)

        async def send(message: Any) -> None:
            pass

        task = asyncio.create_task(self.turns({"type": "http", "path": path}, receive, send))
        await self.settle()
        return task

    async def answer(self, path: str) -> None:
        self.panel.may_answer[path].set()
        await self.settle()

    @staticmethod
    async def settle() -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def test_more_than_there_are_places_wait_and_come_in_order() -> None:
    requests = Requests(2)
    for path in ("/a", "/b", "/c", "/d"):
        await requests.begin(path)
    assert requests.panel.inside == ["/a", "/b"]
    await requests.answer("/b")
    assert requests.panel.inside == ["/a", "/b", "/c"]
    await requests.answer("/a")
    assert requests.panel.inside == ["/a", "/b", "/c", "/d"]


async def test_a_stream_keeps_nobody_waiting() -> None:
    requests = Requests(1)
    await requests.begin("/stream")
    await requests.answer("/stream")
    await requests.begin("/a")
    assert requests.panel.inside == ["/stream", "/a"]


async def test_a_body_that_comes_slowly_keeps_nobody_waiting() -> None:
    requests = Requests(1)
    await requests.begin("/slow", PART)
    await requests.begin("/a")
    assert requests.panel.inside == ["/a"]


async def test_one_that_breaks_gives_its_place_back() -> None:
    requests = Requests(1)
    broken = await requests.begin("/a")
    await requests.begin("/b")
    broken.cancel()
    await requests.settle()
    assert requests.panel.inside == ["/a", "/b"]


async def test_whether_the_panel_is_well_is_told_at_once() -> None:
    requests = Requests(1)
    await requests.begin("/a")
    await requests.begin("/healthz")
    assert requests.panel.inside == ["/a", "/healthz"]
