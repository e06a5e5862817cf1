"""Reads one Argo CD: the stream for speed, a list every 30 s because the stream is lossy, a list every 10 s without it."""

from __future__ import annotations

import threading

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from controlpanel.catalog import connections
from controlpanel.catalog.models import Environment
from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.errors import ClientError, StreamSilent
from controlpanel.core.lease import StatementTime
from deployments.watching import observations
from deployments.watching.leader import Leadership
from deployments.watching.observations import Directory

log = structlog.get_logger(__name__)
BACK_OFF = (1.0, 2.0, 5.0, 10.0)
WITHOUT_STREAM_SECONDS = 10.0


class Reader:
    """Two threads for one Argo CD: `list` and `stream`. Both write only while this process leads."""

    def __init__(self, server_from: str, stopping: threading.Event) -> None:
        self.server_from = server_from
        self.stopping = stopping
        self.leadership = Leadership(f"watch {server_from}")
        self.leads = threading.Event()
        self.stream_is_open = threading.Event()

    def start(self) -> list[threading.Thread]:
        """Start the threads, which end soon after `stopping` is set."""
        threads = [
            threading.Thread(
                target=self._repeat,
                args=(self._lead, settings.TIMINGS.leader_seconds / 3),
                name=f"lead {self.server_from}",
            ),
            threading.Thread(target=self._repeat, args=(self._list, None), name=f"list {self.server_from}"),
            threading.Thread(
                target=self._repeat, args=(self._stream, 1.0), name=f"stream {self.server_from}", daemon=True
            ),
        ]
        for thread in threads:
            thread.start()
        return threads

    def _repeat(self, work, pause: float | None) -> None:  # type: ignore[no-untyped-def]
        failures = 0
        while not self.stopping.is_set():
            try:
                work()
                failures = 0
            except (ClientError, DatabaseError) as error:
                failures += 1
                self._report(error)
            except Exception:
                failures += 1
                log.exception("reader_failed", server_from=self.server_from)  # a silent thread would blind the panel
            finally:
                connection.close()
            usual = pause if pause is not None else self._list_pause()
            self.stopping.wait(BACK_OFF[min(failures, len(BACK_OFF)) - 1] if failures else usual)

    def _list_pause(self) -> float:
        return (
            settings.TIMINGS.relist_seconds
            if self.stream_is_open.is_set()
            else min(WITHOUT_STREAM_SECONDS, settings.TIMINGS.relist_seconds)
        )

    def _lead(self) -> None:
        is_ours = False
        try:
            is_ours = self.leadership.is_ours()
        finally:
            self.leads.set() if is_ours else self.leads.clear()

    def _list(self) -> None:
        if not self.leads.wait(timeout=1.0):
            return
        directory = Directory(self.server_from)
        argocd = self._argocd()
        seen: set[str] = set()
        for project in directory.projects:
            reads = argocd.list_applications(project)
            seen |= {read.name for read in reads}
            if self.leads.is_set():
                observations.observe(directory, reads)
        if self.leads.is_set():
            observations.missing(directory, seen)
            observations.heard(self.server_from, listed_at=StatementTime(), stream_is_open=self.stream_is_open.is_set())

    def _stream(self) -> None:
        if not self.leads.wait(timeout=1.0):
            return
        directory = Directory(self.server_from)
        try:
            self._follow(directory, self._argocd())
        except StreamSilent as silence:
            if silence.opened:
                raise
        finally:
            self.stream_is_open.clear()

    def _follow(self, directory: Directory, argocd: ArgoCD) -> None:
        # One stream serves every project of this Argo CD as long as there is one; more are read one after the other by the list.
        project = directory.projects[0] if directory.projects else ""
        if not project:
            return
        for event in argocd.stream_applications(project, heartbeats=True):
            if self.stopping.is_set() or not self.leads.is_set():
                return
            if not self.stream_is_open.is_set():
                self.stream_is_open.set()
                observations.heard(self.server_from, stream_is_open=True)
            if event.application is None:
                observations.heard(self.server_from)
            elif event.type == "DELETED":
                observations.missing(directory, set(directory.places) - {event.application.name})
            else:
                observations.observe(directory, [event.application])

    def _argocd(self) -> ArgoCD:
        environment = Environment.objects.filter(server_from=self.server_from, is_retired=False).first()
        if environment is None:
            raise connections.NotConfigured(f"No environment uses {self.server_from} any more.", "Load the catalog.")
        return connections.argocd_for(environment)

    def _report(self, error: Exception) -> None:
        log.warning("argocd_unheard", server_from=self.server_from, error=str(error))
        if isinstance(error, ClientError):
            try:
                observations.unheard(self.server_from, str(error))
            except DatabaseError as failed:
                log.warning("database_away", error=str(failed))
