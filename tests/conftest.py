"""What every test may use: a PostgreSQL of this run (unless DATABASE_URL names one) and the machine's Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from controlpanel.core import audit
from controlpanel.core.models import AuditChain
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


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests with real commits empty the tables afterwards, which the audit table refuses; one test holds that it does."""
    if _is_test_database():  # where no collected test is marked, pytest-django made none
        with django_db_blocker.unblock():
            _allow_emptying()


@pytest.fixture(autouse=True)
def _chain_has_a_head(request: pytest.FixtureRequest) -> None:
    """Emptying took the head of the audit chain away; a migrated database has one."""
    marker = request.node.get_closest_marker("django_db")
    if marker is not None and marker.kwargs.get("transaction"):
        request.getfixturevalue("transactional_db")
        AuditChain.objects.get_or_create(pk=1, defaults={"sequence": 0, "hash": audit.GENESIS})


@pytest.fixture(scope="session")
def _own_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A test database also where only tests without the mark `django_db` run."""
    if _is_test_database():
        yield
        return
    with django_db_blocker.unblock():
        configuration = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
        _allow_emptying()
    yield
    with django_db_blocker.unblock():
        teardown_databases(configuration, verbosity=0)


@pytest.fixture(scope="module")
def committed_database(_own_database: None, django_db_blocker: Any) -> Iterator[str]:
    """The address of the tests' database, with real commits that other processes see; emptied after the module."""
    assert _is_test_database()
    with django_db_blocker.unblock():
        AuditChain.objects.get_or_create(pk=1, defaults={"sequence": 0, "hash": audit.GENESIS})
        settings: dict[str, Any] = connection.settings_dict
        yield f"postgresql://{settings['USER']}:{settings['PASSWORD']}@/{settings['NAME']}?host={settings['HOST']}"
        call_command("flush", interactive=False, verbosity=0)
        AuditChain.objects.get_or_create(pk=1, defaults={"sequence": 0, "hash": audit.GENESIS})


def _is_test_database() -> bool:
    return str(connection.settings_dict["NAME"]).startswith("test_")


def _allow_emptying() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditevent DISABLE TRIGGER core_audit_no_truncate")
