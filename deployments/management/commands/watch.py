"""`manage.py watch`: follow every Argo CD and find due rows. Start two; one leads, the other stands by."""

from __future__ import annotations

import signal
import threading
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import CommandParser
from django.db import Error as DatabaseError
from django.db import connection

from controlpanel.catalog.models import Environment
from controlpanel.core.alive import alive
from controlpanel.core.command import PanelCommand
from deployments.watching.reader import Reader
from deployments.watching.reconciler import Reconciler

log = structlog.get_logger(__name__)


class Command(PanelCommand):
    """Runs until SIGTERM or Ctrl-C."""

    help = "Follow Argo CD's Applications, and find promotions, previews and messages that are due."
    shares_connections = True

    def add_arguments(self, parser: CommandParser) -> None:
        """No options but Django's."""

    def handle(self, *_: Any, **__: Any) -> None:
        """Keep one reader for each Argo CD of the catalog, and look for due rows."""
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        readers: dict[str, Reader] = {}
        threads: list[threading.Thread] = []
        reconciler = Reconciler()
        log.info("watch_started")
        while not stopping.wait(settings.TIMINGS.reconcile_seconds):
            try:
                threads += self._new_readers(readers, stopping)
                reconciler.once()
            except DatabaseError as error:
                log.warning("database_away", error=str(error))
            finally:
                connection.close()
                alive("watch")
        reconciler.close()
        for reader in readers.values():
            reader.leadership.give_up()
        for thread in threads:
            thread.join(timeout=0.0 if thread.daemon else 5.0)
        log.info("watch_stopped")

    def _new_readers(self, readers: dict[str, Reader], stopping: threading.Event) -> list[threading.Thread]:
        names = Environment.objects.filter(is_retired=False).values_list("server_from", flat=True).distinct().order_by()
        started: list[threading.Thread] = []
        for name in set(names) - readers.keys():
            readers[name] = Reader(name, stopping)
            started += readers[name].start()
        return started
