"""PostgreSQL is killed and started again in the middle of a promotion: the same `watch` goes on, nothing is lost or doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deployments.management.commands.demo import RELEASES
from script.development import postgres
from script.development.postgres import Cluster
from tests.world import ROOT, World, running_world, until

NAME = "panel"


@dataclass
class Server:
    """A PostgreSQL of this test, which the test may kill."""

    cluster: Cluster
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        postgres.remove_stale_lock(self.cluster.data)
        self.running = subprocess.Popen(
            self.cluster.command("fsync=off"), cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self.cluster.is_accepting, "PostgreSQL answers")

    def crash(self) -> None:
        """At once, without saying goodbye to anybody; the journal is replayed at the next start."""
        assert self.running is not None
        self.running.send_signal(signal.SIGQUIT)
        self.running.wait(30)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.cluster.url(NAME), connect_timeout=5) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    cluster = postgres.cluster_at(tmp_path / "postgres")
    postgres.initialise(cluster)
    server = Server(cluster)
    server.start()
    postgres.create_database(cluster, NAME)
    yield server
    server.crash()


@pytest.fixture
def world(server: Server, tmp_path: Path) -> Iterator[World]:
    url = server.cluster.url(NAME)
    environment = {"DATABASE_URL": url, "DJANGO_SECRET_KEY": "only-for-tests-" + "0" * 32, "PATH": "/usr/bin:/bin"}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    directory = tmp_path / "world"
    directory.mkdir()
    with running_world(directory, url, speed=10.0) as world:
        world.manage("demo")
        yield world


@pytest.mark.timeout(300)
def test_a_promotion_goes_on_by_itself(server: Server, world: World) -> None:
    def state_is(*states: str) -> Callable[[], bool]:
        return lambda: str(server.ask("SELECT state FROM deployments_promotion")[0][0]) in states

    watch = world.watch()
    world.manage("promote", "staging", RELEASES[0][0], "--reason", "A test.")
    for states in (("rendering", "committing", "syncing"), ("rolling_out",)):
        until(state_is(*states, "succeeded"), f"it is {states[-1]}")
        server.crash()
        server.start()
    until(state_is("succeeded", "paused", "failed"), "it ends", 120.0)
    ((state, confidence),) = server.ask("SELECT state, confidence FROM deployments_promotion")
    assert (state, confidence) == ("succeeded", "observed"), world.logs()
    assert watch.poll() is None
    assert world.git("log", "--format=%B", "env/staging").count("Promotion-Id: ") == 1
    sent = Counter(entry["application"] for entry in world.operations() if entry["type"] == "sync")
    assert sent
    assert set(sent.values()) == {1}
    world.manage("verify_audit")
