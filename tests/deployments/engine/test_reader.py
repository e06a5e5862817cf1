"""One Argo CD read by threads: each project streamed, lists meanwhile, and only the leader writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlpanel.catalog import connections
from controlpanel.catalog.models import Environment
from controlpanel.clients.argocd import StreamEvent
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.errors import Ambiguous
from controlpanel.core.models import Leader
from deployments.models import Application, Observer
from deployments.watching import reader, silence
from deployments.watching.leader import Leadership, LeadershipLost
from tests import fixtures_deployments as rows
from tests.deployments.engine.conftest import synced
from tests.world import until

SERVER = "ARGOCD_SERVER"


class TwoProjects:
    """Lists and streams of two projects; `broken` ones refuse both."""

    def __init__(self) -> None:
        self.listed: list[tuple[str, float]] = []
        self.streamed: list[str] = []
        self.ended = threading.Event()
        self.broken: set[str] = set()

    def list_applications(self, project: str) -> tuple[Read, ...]:
        self.listed.append((project, time.monotonic()))
        if project in self.broken:
            raise Ambiguous(f"{project} is away.")
        return (synced(f"backend-{'staging' if project == 'hub' else 'production'}", ""),)

    def stream_applications(self, project: str, *, heartbeats: bool) -> Iterator[StreamEvent]:
        self.streamed.append(project)
        yield StreamEvent("HEARTBEAT", None)
        name = f"ai-{'staging' if project == 'hub' else 'production'}"
        yield StreamEvent("ADDED", synced(name, "", health_status="Degraded"))
        while not self.ended.wait(0.05):
            yield StreamEvent("HEARTBEAT", None)


class WithToken:
    """A token of one project: of others it is shown nothing, and is not told so."""

    def __init__(self, argocd: TwoProjects, project: str) -> None:
        self.argocd, self.project = argocd, project

    def list_applications(self, project: str) -> tuple[Read, ...]:
        return self.argocd.list_applications(project) if project == self.project else ()

    def stream_applications(self, project: str, *, heartbeats: bool) -> Iterator[StreamEvent]:
        assert project == self.project
        return self.argocd.stream_applications(project, heartbeats=heartbeats)


@pytest.fixture
def argocd(monkeypatch: pytest.MonkeyPatch) -> TwoProjects:
    fake = TwoProjects()
    monkeypatch.setattr(connections, "argocd_for", lambda environment: WithToken(fake, environment.project))
    monkeypatch.setattr(connections, "token_expiry_of", lambda server: {})
    return fake


@pytest.fixture
def stopping(argocd: TwoProjects) -> Iterator[threading.Event]:
    event = threading.Event()
    before = set(threading.enumerate())
    yield event
    event.set()
    argocd.ended.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)


def platform() -> None:
    rows.platform()
    Environment.objects.filter(name="production").update(project="other")


def leading() -> reader.Reader:
    """One that may write, and whose streams end at once."""
    follower = reader.Reader(SERVER, threading.Event())
    follower.stopping.set()
    assert follower.leadership.is_ours()
    follower.leads.set()
    return follower


def health(name: str) -> str:
    return Application.objects.get(name=name).health


@pytest.mark.django_db(transaction=True)
def test_every_project_of_a_server_is_streamed(argocd: TwoProjects, stopping: threading.Event) -> None:
    platform()
    follower = reader.Reader(SERVER, stopping)
    follower.start()
    until(lambda: {health("ai-staging"), health("ai-production")} == {"Degraded"}, "both streams are read", 10.0)
    assert sorted(set(argocd.streamed)) == ["hub", "other"]
    until(lambda: follower.stream_is_open, "all are open", 10.0)


@pytest.mark.django_db(transaction=True)
def test_a_project_that_cannot_be_read_does_not_hide_the_other(argocd: TwoProjects, stopping: threading.Event) -> None:
    platform()
    argocd.broken = {"hub"}
    Application.objects.update(observed_at=None)
    reader.Reader(SERVER, stopping).start()
    until(lambda: Application.objects.get(name="backend-production").observed_at is not None, "read", 10.0)
    until(lambda: Observer.objects.get().error == "hub is away.", "the trouble is said", 10.0)
    assert not Application.objects.filter(is_missing=True).exists()


@pytest.mark.django_db(transaction=True)
def test_each_project_is_read_with_a_token_of_its_own(argocd: TwoProjects) -> None:
    platform()
    follower = leading()
    follower._list()
    seen = Application.objects.filter(name__in=["backend-staging", "backend-production"])
    assert not seen.filter(is_missing=True).exists()


@pytest.mark.django_db(transaction=True)
def test_a_project_whose_token_is_not_set_does_not_hide_the_other(
    argocd: TwoProjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform()

    def of(environment: Environment) -> WithToken:
        if environment.project == "hub":
            raise connections.NotConfigured("HUB_TOKEN is not set.", "Set it.")
        return WithToken(argocd, environment.project)

    monkeypatch.setattr(connections, "argocd_for", of)
    follower = leading()
    Application.objects.update(observed_at=None)
    with pytest.raises(connections.NotConfigured):
        follower._list()
    assert Application.objects.get(name="backend-production").observed_at is not None


@pytest.mark.django_db(transaction=True)
def test_without_a_stream_lists_come_sooner_even_while_one_waits(
    argocd: TwoProjects, stopping: threading.Event, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform()
    settings.TIMINGS = settings.TIMINGS.model_copy(update={"relist_seconds": 3600.0})
    monkeypatch.setattr(reader, "WITHOUT_STREAM_SECONDS", 0.2)
    follower = reader.Reader(SERVER, stopping)
    follower.start()
    until(lambda: follower.stream_is_open, "the streams are open", 10.0)
    settled = len(argocd.listed)
    follower.projects = follower.projects | {"third"}  # one that nobody streams
    until(lambda: len(argocd.listed) > settled, "the next list comes", 10.0)


@pytest.mark.django_db(transaction=True)
def test_of_two_watchers_one_writes(argocd: TwoProjects, stopping: threading.Event) -> None:
    platform()
    first, second = reader.Reader(SERVER, stopping), reader.Reader(SERVER, stopping)
    second.leadership.holder = "elsewhere:1"
    assert first.leadership.is_ours()
    assert not second.leadership.is_ours()
    Leader.objects.update(lease_until=timezone.now() - timedelta(seconds=1))  # the first was stopped for too long
    assert second.leadership.is_ours()
    first.leads.set()
    Application.objects.update(observed_at=None)
    with pytest.raises(LeadershipLost):
        first._list()
    assert not Application.objects.exclude(observed_at=None).exists()
    second.leads.set()
    second._list()
    assert Application.objects.exclude(observed_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_nobody_takes_the_duty_while_its_holder_writes(db: None) -> None:
    first, second = Leadership("d"), Leadership("d")
    second.holder = "elsewhere:1"
    assert first.is_ours()
    Leader.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    taken: list[bool] = []
    with first.fence():
        thread = threading.Thread(target=_take, args=(second, taken))
        thread.start()
        thread.join(0.5)
        assert taken == []
    thread.join(10)
    assert taken == [True]
    with pytest.raises(LeadershipLost), first.fence():
        pass


def _take(leadership: Leadership, taken: list[bool]) -> None:
    from django.db import connection

    try:
        taken.append(leadership.is_ours())
    finally:
        connection.close()


@pytest.mark.django_db
def test_pages_are_told_once_when_silence_begins_and_when_it_ends(
    promoted: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    promotion = promoted()
    told: list[str] = []
    monkeypatch.setattr("controlpanel.core.live.publish", told.append)
    watcher = silence.Silence(SERVER)
    for seconds in (1, 76, 77, 1, 2):
        Observer.objects.update(heard_at=timezone.now() - timedelta(seconds=seconds))
        watcher.tell()
    topics = ["environment.staging", "environment.production", f"promotion.{promotion.pk}"]
    assert told == topics * 2
