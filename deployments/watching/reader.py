"""Reads one Argo CD: a stream of each project for speed, a list every 30 s because streams are lossy, every 10 s without them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from controlpanel.catalog import connections
from controlpanel.clients.argocd import ArgoCD, StreamEvent
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.clients.errors import ClientError, StreamSilent
from controlpanel.core.lease import StatementTime
from deployments.watching import late, observations, silence, windows
from deployments.watching.batches import Batches
from deployments.watching.leader import Leadership, LeadershipLost
from deployments.watching.observations import Directory

log = structlog.get_logger(__name__)
BACK_OFF = (1.0, 2.0, 5.0, 10.0)
WITHOUT_STREAM_SECONDS = 10.0
Pause = Callable[[], float]


class Reader:
    """The threads of one Argo CD: `lead`, `list` and a `stream` for each project. They write only while this process leads."""

    def __init__(self, server_from: str, stopping: threading.Event) -> None:
        self.server_from = server_from
        self.stopping = stopping
        self.leadership = Leadership(f"watch {server_from}")
        self.leads = threading.Event()
        self.projects: frozenset[str] = frozenset()
        self.open: set[str] = set()
        self.streams: dict[str, threading.Thread] = {}
        self.silence = silence.Silence(server_from)

    @property
    def stream_is_open(self) -> bool:
        """Whether every project is streamed."""
        return bool(self.projects) and self.projects <= self.open

    def start(self) -> list[threading.Thread]:
        """Start the threads, which end soon after `stopping` is set."""
        third = settings.TIMINGS.leader_seconds / 3
        threads = [
            threading.Thread(target=self._repeat, args=(self._lead, lambda: third), name=f"lead {self.server_from}"),
            threading.Thread(target=self._repeat, args=(self._list, self._list_pause), name=f"list {self.server_from}"),
        ]
        for thread in threads:
            thread.start()
        return threads

    def _repeat(self, work: Callable[[], None], pause: Pause, goes_on: Callable[[], bool] = lambda: True) -> None:
        failures = 0
        while goes_on() and not self.stopping.is_set():
            try:
                work()
                failures = 0
            except LeadershipLost:
                self.leads.clear()
            except (ClientError, DatabaseError) as error:
                failures += 1
                self._report(error)
            except Exception:
                failures += 1
                log.exception("reader_failed", server_from=self.server_from)  # a silent thread would blind the panel
            finally:
                connection.close()
            wait = BACK_OFF[min(failures, len(BACK_OFF)) - 1]
            self._rest((lambda seconds=wait: seconds) if failures else pause)  # type: ignore[misc]

    def _rest(self, pause: Pause) -> None:
        """Wait as long as `pause` says, asked again meanwhile: a stream that ends makes the next list come sooner."""
        since = time.monotonic()
        while (left := pause() - (time.monotonic() - since)) > 0:
            if self.stopping.wait(min(left, 1.0)):
                return

    def _list_pause(self) -> float:
        seconds: float = settings.TIMINGS.relist_seconds
        return seconds if self.stream_is_open else min(WITHOUT_STREAM_SECONDS, seconds)

    def _lead(self) -> None:
        is_ours = False
        try:
            is_ours = self.leadership.is_ours()
        finally:
            self.leads.set() if is_ours else self.leads.clear()
        if is_ours:
            self.silence.tell()

    def _list(self) -> None:
        if not self.leads.wait(timeout=1.0):
            return
        directory = Directory(self.server_from)
        if not directory.projects:
            raise connections.NotConfigured(f"No environment uses {self.server_from} any more.", "Load the catalog.")
        self._stream_each(directory.projects)
        seen: set[str] = set()
        failed: ClientError | None = None
        for project in directory.projects:
            try:
                argocd = self._argocd(directory, project)
                reads = argocd.list_applications(project)
            except ClientError as error:
                failed = error  # the other projects are read all the same
                continue
            seen |= {read.name for read in reads}
            self._keep(directory, argocd, reads)
        windows.read(directory, self.leadership.fence)
        if failed is not None:
            raise failed
        with self.leadership.fence():
            observations.missing(directory, seen)
            facts = connections.token_expiry_of(self.server_from)
            observations.heard(self.server_from, listed_at=StatementTime(), stream_is_open=self.stream_is_open, **facts)

    def _keep(self, directory: Directory, argocd: ArgoCD, reads: Iterable[Read]) -> None:
        reads = tuple(reads)
        observations.observe(directory, reads, self.leadership.fence)
        late.notice(argocd, [read for read in reads if read.name in directory.places], self.leadership.fence)

    def _stream_each(self, projects: Iterable[str]) -> None:
        """One thread for each project of the catalog; that of a project which left it ends by itself."""
        self.projects = frozenset(projects)
        for project in self.projects:
            thread = self.streams.get(project)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(
                    target=self._follow_on, args=(project,), name=f"stream {project}", daemon=True
                )
                self.streams[project] = thread
                thread.start()

    def _follow_on(self, project: str) -> None:
        self._repeat(lambda: self._stream(project), lambda: 1.0, lambda: project in self.projects)

    def _stream(self, project: str) -> None:
        if not self.leads.wait(timeout=1.0):
            return
        directory = Directory(self.server_from)
        try:
            self._follow(directory, self._argocd(directory, project), project)
        except StreamSilent as silent:
            if silent.opened:
                raise
        finally:
            self.open.discard(project)

    def _follow(self, directory: Directory, argocd: ArgoCD, project: str) -> None:
        with Batches(lambda reads: self._keep(directory, argocd, reads), f"write {project}") as batches:
            for event in argocd.stream_applications(project, heartbeats=True):
                batches.check()
                if self.stopping.is_set() or not self.leads.is_set() or project not in self.projects:
                    return
                if project not in self.open:
                    self.open.add(project)
                    self._heard(stream_is_open=self.stream_is_open)
                self._hear(directory, event, batches)

    def _hear(self, directory: Directory, event: StreamEvent, batches: Batches) -> None:
        if event.application is None:
            self._heard()
        elif event.type == "DELETED":
            batches.flush()
            with self._writing():
                observations.missing(directory, set(directory.places) - {event.application.name})
        else:
            batches.put(event.application)

    def _heard(self, **facts: object) -> None:
        with self._writing():
            observations.heard(self.server_from, **facts)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """A fenced transaction of a thread that may be quiet for long afterwards and keeps no connection meanwhile."""
        try:
            with self.leadership.fence():
                yield
        finally:
            connection.close()

    def _argocd(self, directory: Directory, project: str) -> ArgoCD:
        """With a token of this project: to that of another one Argo CD shows an empty list, and says no word of it."""
        if project not in directory.projects:
            said = f"No environment of the project {project} uses {self.server_from} any more."
            raise connections.NotConfigured(said, "Load the catalog.")
        return connections.argocd_for(directory.projects[project])

    def _report(self, error: Exception) -> None:
        log.warning("argocd_unheard", server_from=self.server_from, error=str(error))
        if isinstance(error, ClientError):
            try:
                with self.leadership.fence():
                    facts = connections.token_expiry_of(self.server_from)
                    observations.unheard(self.server_from, str(error), stream_is_open=self.stream_is_open, **facts)
            except LeadershipLost:
                self.leads.clear()
            except DatabaseError as failed:
                log.warning("database_away", error=str(failed))
