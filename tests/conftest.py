"""What every test may use: a PostgreSQL of this run (unless DATABASE_URL names one) and the machine's Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from script.development import postgres

START_SECONDS = 20.0
SERVER: pytest.StashKey[subprocess.Popen[bytes]] = pytest.StashKey()
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Serve the database before the first worker starts; workers use the one of the run that started them."""
    directory = os.environ.get("CONTROL_PANEL_TEST_POSTGRES")
    if directory and not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        session.config.stash[SERVER] = _serve(Path(directory))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the database of this run and remove its files."""
    server = config.stash.get(SERVER, None)
    if server is not None:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=START_SECONDS)
        shutil.rmtree(os.environ["CONTROL_PANEL_TEST_POSTGRES"], ignore_errors=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the machine's Chromium; its sandbox cannot be used by root."""
    executable = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if executable is None:
        pytest.fail("Chromium was not found. Install it: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": executable, "args": arguments}


def _serve(directory: Path) -> subprocess.Popen[bytes]:
    """Start PostgreSQL and return when it answers; it ends with this process, even by kill -9."""
    shutil.rmtree(directory, ignore_errors=True)
    cluster = postgres.cluster_at(directory)
    postgres.initialise(cluster)
    log = (directory / "log").open("wb")
    with log:
        server = subprocess.Popen(cluster.command(*postgres.NEVER_DURABLE), cwd="/", stdout=log, stderr=log)
    deadline = time.monotonic() + START_SECONDS
    while not cluster.is_accepting():
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.exit(f"PostgreSQL did not start for the tests:\n{(directory / 'log').read_text()}", returncode=3)
        time.sleep(0.05)
    return server
