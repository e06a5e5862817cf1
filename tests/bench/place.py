"""Where measures run: a directory and a PostgreSQL of their own, in a process that can use the panel's models."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import django
from django.core.management import call_command

from controlpanel.configuration import Timings
from script.development import parts, postgres, probes, processes

DATABASE = "control_panel_bench"
VALKEY_PORT = 26379
PASSWORD = "only-for-measures"  # of a broker that lives for minutes on this machine
WORLD = "world"
"""The directory of the world, whose platform repository this process reads as the panel does."""
START_SECONDS = 20.0
TIMES = {f"CONTROL_PANEL_{name.upper()}": str(field.default) for name, field in Timings.model_fields.items()}
"""The times of a real installation; a world of tests has shorter ones."""


@contextlib.contextmanager
def opened() -> Iterator[tuple[Path, str]]:
    """A directory for a world and the address of a migrated database, with a broker beside it; all are gone afterwards."""
    directory = Path(tempfile.gettempdir()) / f"control-panel-bench-{os.getpid()}"
    directory.mkdir()
    cluster = postgres.cluster_at(directory / "postgres")
    postgres.initialise(cluster)
    port = processes.free_port(VALKEY_PORT)
    broker = parts.broker(directory / "valkey", port, PASSWORD, {})
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(cluster.command(*postgres.NEVER_DURABLE), cwd="/", stdout=log, stderr=log)
        valkey = subprocess.Popen(broker.command, stdout=log, stderr=log)
    try:
        _wait(lambda: cluster.is_accepting() and asyncio.run(probes.answers_valkey(port)), directory / "log")
        postgres.create_database(cluster, DATABASE)
        _prepare(directory, cluster.url(DATABASE), f"redis://:{PASSWORD}@127.0.0.1:{port}/0")
        yield directory, cluster.url(DATABASE)
    finally:
        valkey.terminate()
        server.send_signal(signal.SIGINT)
        valkey.wait(START_SECONDS)
        server.wait(START_SECONDS)
        shutil.rmtree(cluster.data.parent, ignore_errors=True)
        shutil.rmtree(directory, ignore_errors=True)


def _wait(answer: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answer():
        if time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL or Valkey did not start for the measures.\n{log.read_text()}")
        time.sleep(0.05)


def _prepare(directory: Path, url: str, broker: str) -> None:
    os.environ |= {
        "DATABASE_URL": url,
        "DJANGO_SECRET_KEY": "only-for-measures-" + "0" * 32,
        "DJANGO_SETTINGS_MODULE": "controlpanel.settings",
        "CELERY_BROKER_URL": broker,
        "PLATFORM_REPO_URL": str(directory / WORLD / "platform"),
        "CACHE_DIRECTORY": str(directory / "cache"),
        "LOG_FORMAT": "console",
    }
    django.setup()
    call_command("migrate", verbosity=0)
