"""The streams of Applications and of one Application's tree."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.routing import Route

from sandbox.access import subject_of, visible_application, world_of
from sandbox.documents import Document
from sandbox.envelope import ApiError, number
from sandbox.fault_streams import StreamFaults
from sandbox.permissions import allows
from sandbox.selectors import parse_selector
from sandbox.streams import EventStream, Subscriber, encode, filtered
from sandbox.tree import tree
from sandbox.world import World

TREE_SECONDS = 0.2


def _server_sent(request: Request) -> bool:
    return request.headers.get("accept") == "text/event-stream"


def _sees(request: Request) -> Callable[[Document], bool]:
    subject, query = subject_of(request), request.query_params
    projects = query.getlist("projects") or query.getlist("project")
    name, fits = query.get("name", ""), parse_selector(query.get("selector", ""))
    since = number(query.get("resourceVersion"))

    def sees(application: Document) -> bool:
        metadata, project = application["metadata"], application["spec"]["project"]
        if (name and metadata["name"] != name) or (projects and project not in projects):
            return False
        if int(metadata["resourceVersion"]) < since or not fits(metadata.get("labels", {})):
            return False
        return allows(subject, "applications", "get", f"{project}/{metadata['name']}")

    return sees


async def stream_applications(request: Request) -> EventStream:
    """A snapshot (unless a resourceVersion is given without a name), then every change."""
    messages: AsyncIterator[str]
    faults = StreamFaults(world_of(request).faults)
    try:
        messages = _application_messages(request, _sees(request), faults)
    except ApiError as error:
        messages = _Failing(error)
    return EventStream(messages, _server_sent(request), request.app.state.heartbeat, faults)


class _Failing:
    """Messages that are an error at once."""

    def __init__(self, error: ApiError) -> None:
        self.error = error

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        raise self.error


async def _application_messages(
    request: Request, sees: Callable[[Document], bool], faults: StreamFaults
) -> AsyncIterator[str]:
    world, query = world_of(request), request.query_params
    fields = query.get("fields")
    subscriber = Subscriber(sees)
    world.hub.subscribe(subscriber)
    try:
        if query.get("name") or not query.get("resourceVersion"):
            snapshot = [world.applications.shown(item) for item in world.applications.all() if sees(item)]
            for application in snapshot:
                yield filtered(encode("ADDED", application), fields)
        last = ""
        while not world.hub.closing.is_set() and (change := await subscriber.queue.get()) is not None:
            name, message = change[0], filtered(change[1], fields)
            if message != last:
                for text in faults.messages(name, message):
                    yield text
            last = message
    finally:
        world.hub.unsubscribe(subscriber)


async def stream_tree(request: Request) -> EventStream:
    """The whole tree after each change of it; nothing at first."""
    messages: AsyncIterator[str]
    try:
        _, application = visible_application(request, "get", request.query_params.get("project", ""))
        messages = _tree_messages(world_of(request), application["metadata"]["name"])
    except ApiError as error:
        messages = _Failing(error)
    return EventStream(messages, _server_sent(request), request.app.state.heartbeat)


async def _tree_messages(world: World, name: str) -> AsyncIterator[str]:
    def current() -> str:
        return json.dumps({"result": tree(world.cluster, name, world.controller.target(name))}, separators=(",", ":"))

    last = current()
    while not world.hub.closing.is_set():
        await asyncio.sleep(TREE_SECONDS)
        now = current()
        if now != last:
            yield now
        last = now


ROUTES = [
    Route("/api/v1/stream/applications", stream_applications),
    Route("/api/v1/stream/applications/{name}/resource-tree", stream_tree),
]
