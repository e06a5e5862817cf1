"""Waiting for a change in an async view: no database connection is held meanwhile, and nothing asks again and again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async

from controlpanel.core.database import give_back
from controlpanel.core.live import Stream
from controlpanel.core.views.events import hub_of_this_loop

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@asynccontextmanager
async def listening(*topics: str) -> AsyncIterator[Stream]:
    """A stream that hears these topics from now on: read the rows after it is open, then wait for `changes`."""
    hub, stream = hub_of_this_loop(), Stream(topics)
    try:
        await hub.add(stream)
        yield stream
    finally:
        hub.remove(stream)


async def read(question: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
    """Ask the database in a thread and give its connection back at once: the request may go on for hours."""

    @wraps(question)
    def asked() -> Result:
        try:
            return question(*arguments, **named)
        finally:
            give_back()

    return await sync_to_async(asked)()
