"""The whole development server, without the demo: started, found running, killed, started again, stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from script.development import environment, processes
from script.development.paths import ROOT

START_SECONDS = 120.0
TAKEN_OVER = (*environment.CONFIGURED, "ARGOCD_TOKEN", "PUBLIC_URL", "DJANGO_SETTINGS_MODULE", processes.MARKER)
"""Variables that would make the server start fewer parts."""


def until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Running:
    """A development server with a run directory of its own."""

    def __init__(self) -> None:
        # Below /tmp itself: PostgreSQL's account may not enter pytest's directories when root runs the tests.
        self.run = Path(tempfile.mkdtemp(prefix="control-panel-server-"))
        self.port = processes.free_port(28000)
        self.variables = {name: value for name, value in os.environ.items() if name not in TAKEN_OVER}
        self.variables["CONTROL_PANEL_RUN_DIRECTORY"] = str(self.run)
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        said = self.run / "said"
        with said.open("wb") as log:
            self.server = subprocess.Popen(
                self._command("server"), cwd=ROOT, env=self.variables, stdout=log, stderr=log
            )
        until(lambda: self._is_over(said), f"the start ends:\n{said.read_text()}", START_SECONDS)
        assert "The control panel is at" in said.read_text(), said.read_text()

    def again(self) -> subprocess.CompletedProcess[str]:
        return self._call("server")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._call("manage", *arguments)

    def stop(self, number: signal.Signals) -> int:
        assert self.server is not None
        self.server.send_signal(number)
        return self.server.wait(timeout=40)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://localhost:{self.port}{path}", follow_redirects=True, timeout=20)

    def left(self) -> list[int]:
        return processes.marked(self.run)

    def _is_over(self, said: Path) -> bool:
        assert self.server is not None
        return self.server.poll() is not None or "Ctrl-C stops everything" in said.read_text()

    def _command(self, name: str, *arguments: str) -> list[str]:
        options = ("--no-demo", "--port", str(self.port)) if name == "server" else arguments
        return [sys.executable, "-m", f"script.development.{name}", *options]

    def _call(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self._command(name, *arguments)
        return subprocess.run(command, cwd=ROOT, env=self.variables, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    running = Running()
    try:
        running.start()
        yield running
    finally:
        if running.server is not None and running.server.poll() is None:
            running.stop(signal.SIGTERM)
        processes.end(running.left())
        shutil.rmtree(running.run, ignore_errors=True)


def test_the_page_to_sign_in_is_served(running: Running) -> None:
    answer = running.get("/")
    assert answer.status_code == 200
    assert 'name="password"' in answer.text


def test_every_program_runs(running: Running) -> None:
    names = {processes.name_of(pid) for pid in running.left()}
    assert {"postgres", "valkey-server"} <= names
    assert len(running.left()) >= 6


def test_a_second_start_names_the_first(running: Running) -> None:
    done = running.again()
    assert done.returncode == 1
    assert re.fullmatch(
        rf"script/server: script/server is already running at http://localhost:{running.port} \(process \d+\)\. "
        r"Stop that one first\.\n",
        done.stderr,
    )


def test_manage_runs_with_the_environment_of_the_server(running: Running) -> None:
    done = running.manage("showmigrations", "--plan")
    assert done.returncode == 0, done.stderr
    assert "[X]" in done.stdout
    assert "[ ]" not in done.stdout


def test_nothing_that_is_kept_can_be_read_by_others(running: Running) -> None:
    readable = [path for path in running.run.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    # PostgreSQL and Git choose their own modes, in directories that are closed; "said" is this test's own.
    places = {path.relative_to(running.run).parts[0] for path in readable}
    assert places <= {"postgres", "deploy.git", "said"}
    for name in ("postgres", "deploy.git", "sandbox", "logs"):
        assert (running.run / name).stat().st_mode & 0o077 == 0, name


def test_after_a_kill_nothing_is_left_and_a_new_start_keeps_the_data(running: Running) -> None:
    created = running.manage("create_user", "zeynep", "--role", "operator")
    assert created.returncode == 0, created.stderr
    running.stop(signal.SIGKILL)
    until(lambda: not running.left(), "every program ends with its supervisor", 30)
    running.start()
    again = running.manage("create_user", "zeynep", "--role", "operator")
    assert again.returncode != 0
    assert "zeynep" in again.stderr


def test_stopping_leaves_nothing_running_and_frees_the_port(running: Running) -> None:
    assert running.stop(signal.SIGINT) == 0
    assert running.left() == []
    assert processes.is_free(running.port)
    assert "process" in json.loads((running.run / "server.lock").read_text())
    done = running.manage("check")
    assert done.stderr == "script/manage: script/server is not running. Start it first, or set DATABASE_URL.\n"


def test_an_argo_cd_that_is_away_stops_no_start(running: Running) -> None:
    """After a power cut the panel may be back before it; promotions wait then, and so does bootstrap."""
    nobody = processes.free_port(29000)
    running.variables |= {
        "ARGOCD_SERVER": f"http://127.0.0.1:{nobody}",
        "ARGOCD_TOKEN": "a.b.c",
        "DEPLOY_REPO_URL": str(running.run / "deploy.git"),
    }
    running.start()
    said = (running.run / "said").read_text()
    assert "Argo CD cannot be reached" in said
    assert "Not bootstrapped: mend what was said, then script/manage bootstrap." in said
    assert running.stop(signal.SIGINT) == 0
