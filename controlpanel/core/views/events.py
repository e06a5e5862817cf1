"""`/events?topics=a,b`: one stream for each tab, carrying names of what changed."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, get_user_model
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from django.views.decorators.http import require_GET

from controlpanel.core.database import give_back
from controlpanel.core.live import RESYNC, TOPIC, Hub, Stream
from controlpanel.core.permissions import Right, declares

HEARTBEAT_SECONDS = 15.0
RIGHTS_SECONDS = 5.0
"""Between two looks at everybody's rights: who loses one hears nothing more within 10 s, however busy the machine is."""
RETRY_MILLISECONDS = 1000
TOPIC_LIMIT = 50
KNOWN = ("environment", "promotion", "application", "tenant", "releases", "audit", "preflight", "checkup")

logger = logging.getLogger(__name__)
hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()
"""The hub of each event loop; a server has one."""
_guards: WeakKeyDictionary[Hub, asyncio.Task[None]] = WeakKeyDictionary()


def any_signed_in_user(user: Any, topic: str) -> bool:
    """The default rule: names of topics say nothing that a signed-in person may not know."""
    return bool(user.is_active) and topic.partition(".")[0] in KNOWN


@cache
def may_listen() -> Callable[[Any, str], bool]:
    """The rule in force: the hook `listen` of `PANEL_HOOKS` names a function (user, topic) -> bool."""
    hooks: Mapping[str, str] = getattr(settings, "PANEL_HOOKS", {})
    rule: Callable[[Any, str], bool] = import_string(hooks.get("listen", f"{__name__}.any_signed_in_user"))
    return rule


@declares(Right.SIGNED_IN)
@login_not_required  # answers 401 instead of the login page: a stream cannot show one
@require_GET
async def events(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Stream the changes of the topics that this person may listen to; topics that are not theirs are left out."""
    asked = [topic for topic in request.GET.get("topics", "").split(",") if TOPIC.match(topic)][:TOPIC_LIMIT]
    stream = await sync_to_async(_authorised)(request, asked)
    if stream is None:
        return HttpResponse("Sign in to listen.", status=401, content_type="text/plain")
    resumed = bool(request.headers.get("Last-Event-ID"))
    response = StreamingHttpResponse(_told(stream, resumed=resumed), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


def _authorised(request: HttpRequest, topics: Iterable[str]) -> Stream | None:
    """Decide in one thread and give its database connection back: the stream may last for hours."""
    try:
        user = request.user
        if not user.is_authenticated:
            return None
        allowed = [topic for topic in topics if may_listen()(user, topic)]
        return Stream(allowed, user_id=user.pk, session_key=request.session.session_key)
    finally:
        give_back()


async def _told(stream: Stream, *, resumed: bool) -> AsyncIterator[bytes]:
    hub = hub_of_this_loop()
    yield f"retry: {RETRY_MILLISECONDS}\n: listening to {len(stream.topics)} topics\n\n".encode()
    try:
        await hub.add(stream)
        if resumed:
            stream.tell(RESYNC, 0)
        while stream.is_open:
            changes = await stream.changes(HEARTBEAT_SECONDS)
            yield b"".join(_event(topic, sequence) for topic, sequence in changes.items()) or b": still here\n\n"
        if stream.signed_out:
            yield b"event: signed_out\ndata: {}\n\n"
    finally:
        hub.remove(stream)


def _event(topic: str, sequence: int) -> bytes:
    name = RESYNC if topic == RESYNC else "change"
    data = json.dumps({"topic": topic, "sequence": sequence})
    # An id of 0 is still an id: it makes the browser send Last-Event-ID when it comes back.
    return f"id: {sequence}\nevent: {name}\ndata: {data}\n\n".encode()


def hub_of_this_loop() -> Hub:
    """The hub of the running event loop; made, and tied to the end of the process, on first use."""
    loop = asyncio.get_running_loop()
    hub = hubs.get(loop)
    if hub is None:
        hub = hubs[loop] = Hub()
        _guards[hub] = loop.create_task(_guard_rights(hub), name="live-rights")
        _close_on_signal(hub, loop)
    return hub


def _close_on_signal(hub: Hub, loop: asyncio.AbstractEventLoop) -> None:
    """End the streams as soon as the server is told to stop: open streams would keep it waiting."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _closing(hub, loop, before))


def _closing(
    hub: Hub, loop: asyncio.AbstractEventLoop, before: Callable[[int, FrameType | None], Any]
) -> Callable[[int, FrameType | None], Any]:
    def handle(number: int, frame: FrameType | None) -> Any:
        if not loop.is_closed():
            loop.call_soon_threadsafe(hub.close)
        return before(number, frame)

    return handle


async def _guard_rights(hub: Hub) -> None:
    """Every few seconds: end the streams of people who signed out, were switched off, or lost a right."""
    while not hub.is_closing:
        await asyncio.sleep(RIGHTS_SECONDS)
        try:
            await check_rights(hub)
        except Exception:
            logger.exception("live.rights_check_failed")  # one that ends here would leave every stream open for ever


async def check_rights(hub: Hub) -> None:
    """Ask once for all streams together; a database that does not answer ends none."""
    streams = tuple(stream for stream in hub.streams if stream.user_id is not None)  # others ask for themselves
    if not streams:
        return
    try:
        refused = await sync_to_async(_refused, thread_sensitive=False)(streams)
    except DatabaseError:
        logger.warning("live.rights_not_checked")
        return
    for stream in refused:
        stream.close(signed_out=True)


def _refused(streams: Iterable[Stream]) -> list[Stream]:
    """Those whose session or account no longer holds, or that lost the right to a topic."""
    try:
        people = get_user_model().objects.in_bulk({stream.user_id for stream in streams})
        sessions = _sessions({stream.session_key for stream in streams if stream.session_key})
        answers = {
            (key, topic): may_listen()(people[key], topic)  # once for all tabs of a person
            for key, topic in {(stream.user_id, topic) for stream in streams for topic in stream.topics}
            if key in people
        }
        return [stream for stream in streams if not _holds(stream, people, sessions, answers)]
    finally:
        give_back()


def _sessions(keys: set[str]) -> dict[str, dict[str, Any]]:
    """The live sessions of these keys; one query where sessions are rows."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if not hasattr(store, "get_model_class"):
        return {key: store(key).load() for key in keys}
    model = store.get_model_class()
    return {
        row.session_key: row.get_decoded()
        for row in model.objects.filter(pk__in=keys)
        if row.expire_date > timezone.now()
    }


def _holds(
    stream: Stream,
    people: Mapping[Any, Any],
    sessions: Mapping[str, Mapping[str, Any]],
    answers: Mapping[tuple[Any, str], bool],
) -> bool:
    user, session = people.get(stream.user_id), sessions.get(stream.session_key or "")
    if user is None or not user.is_active or not session:
        return False
    if not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return False
    return all(answers[stream.user_id, topic] for topic in stream.topics)
