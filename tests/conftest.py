"""What every test may use: a PostgreSQL of this run (unless DATABASE_URL names one) and the machine's Chromium."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from pytest_django.plugin import blocking_manager_key

from controlpanel.core import audit
from controlpanel.core.models import AuditChain
from script.development import postgres
from tests.chaos.broker import Broker

START_SECONDS = 20.0
UNATTENDED = (
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=8GB",
    "max_parallel_workers_per_gather=0",
)
"""Rows that were rolled back are not counted: plans would depend on when that happened."""
SERVER: pytest.StashKey[subprocess.Popen[bytes]] = pytest.StashKey()
AUTHORITY: pytest.StashKey[str] = pytest.StashKey()
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----\n"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure(config: pytest.Config) -> None:
    """Trust one authority: each client of httpx would read all of the machine's, for 40 ms, and no test goes that far."""
    if not hasattr(config, "workerinput"):
        bundle = Path(certifi.where()).read_text("utf-8")
        with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
            file.write(bundle[bundle.index(BEGIN) : bundle.index(END) + len(END)])
        os.environ["SSL_CERT_FILE"] = config.stash[AUTHORITY] = file.name


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Serve the database before the first worker starts; workers use the one of the run that started them."""
    directory = os.environ.get("CONTROL_PANEL_TEST_POSTGRES")
    if directory and not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        session.config.stash[SERVER] = _serve(Path(directory))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the database of this run and remove its files."""
    if authority := config.stash.get(AUTHORITY, None):
        Path(authority).unlink()
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
        server = subprocess.Popen(
            cluster.command(*postgres.NEVER_DURABLE, *UNATTENDED), cwd="/", stdout=log, stderr=log
        )
    deadline = time.monotonic() + START_SECONDS
    while not cluster.is_accepting():
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.exit(f"PostgreSQL did not start for the tests:\n{(directory / 'log').read_text()}", returncode=3)
        time.sleep(0.05)
    return server


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests go first, so that no worker is left alone with one at the end (see `--dist loadfile`)."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection() -> None:
    """What is imported and collected stays: the garbage collector need not look through it now, nor again and again later."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)  # a request makes thousands of objects, and few of them in rings
    gc.enable()


@pytest.fixture(scope="module")
def valkey() -> Iterator[Broker]:
    """A Valkey of this module's own. It may be killed and started again; whoever writes to it empties it first."""
    broker = Broker()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: Any,
    django_db_keepdb: bool,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> Iterator[None]:
    """Migrate one database and let each worker work on its copy, which takes a hundredth of the time."""
    with django_db_blocker.unblock():
        if worker_id == "master":
            configuration = _migrated(django_db_keepdb)
        else:
            _copied(tmp_path_factory.getbasetemp().parent / "migrated", worker_id)
    yield
    with django_db_blocker.unblock():
        if worker_id == "master":
            teardown_databases(configuration, verbosity=0, keepdb=django_db_keepdb)
        else:
            connection.close()
            _without_database(f'DROP DATABASE "{connection.settings_dict["NAME"]}" WITH (FORCE)')


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Emptying the tables takes the head of the audit chain away; a migrated database has one for the next test."""
    yield
    marker = item.get_closest_marker("django_db")
    by_mark = marker is not None and marker.kwargs.get("transaction")
    if nextitem and (by_mark or "transactional_db" in getattr(item, "fixturenames", ())):
        with item.config.stash[blocking_manager_key].unblock():
            _give_the_chain_its_head()
            connection.close()


@pytest.fixture(scope="module")
def committed_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The address of the tests' database, with real commits that other processes see; emptied after the module."""
    assert _is_test_database()
    with django_db_blocker.unblock():
        its: dict[str, Any] = connection.settings_dict
        yield f"postgresql://{its['USER']}:{its['PASSWORD']}@/{its['NAME']}?host={its['HOST']}"
        call_command("flush", interactive=False, verbosity=0)
        _give_the_chain_its_head()


def _give_the_chain_its_head() -> None:
    AuditChain.objects.get_or_create(pk=1, defaults={"sequence": 0, "hash": audit.GENESIS})


def _is_test_database() -> bool:
    return str(connection.settings_dict["NAME"]).startswith("test_")


def _migrated(keepdb: bool = False) -> Any:
    """Make the database. Tests with real commits empty the tables, which the audit table refuses; one test holds that it does."""
    configuration = setup_databases(verbosity=0, interactive=False, keepdb=keepdb, serialized_aliases=[])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_auditevent DISABLE TRIGGER core_audit_no_truncate")
    return configuration


def _copied(marker: Path, worker: str) -> None:
    """Copy the database that the first worker migrates. No other may copy it, or be connected to it, at the same time."""
    migrated = str(connection.settings_dict["TEST"]["NAME"])
    copy = f"{migrated}_{worker}"
    with marker.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.stat().st_size:
            _migrated()
            connection.close()
            lock.write(migrated)
            lock.flush()
        _without_database(f'DROP DATABASE IF EXISTS "{copy}"', f'CREATE DATABASE "{copy}" TEMPLATE "{migrated}"')
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = copy


def _without_database(*statements: str) -> None:
    with connection._nodb_cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
