"""A whole world for tests: a sandbox process, a deploy repository, the platform's catalog loaded, processes that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.forks import Forked, Forks

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 60.0
SHORT_TIMES = {
    "CONTROL_PANEL_LEASE_SECONDS": "2",
    "CONTROL_PANEL_QUARANTINE_SECONDS": "1.5",
    "CONTROL_PANEL_SETTLE_SECONDS": "0.2",
    "CONTROL_PANEL_RELIST_SECONDS": "1",
    "CONTROL_PANEL_RECONCILE_SECONDS": "0.2",
    "CONTROL_PANEL_LEADER_SECONDS": "2",
    "CONTROL_PANEL_STUCK_POD_SECONDS": "1",
    "CONTROL_PANEL_DEGRADED_GRACE_SECONDS": "1",
    "CONTROL_PANEL_OUTAGE_SECONDS": "0.5",
    "CONTROL_PANEL_OBSERVE_SECONDS": "0.5",
    "CONTROL_PANEL_BUSY_SECONDS": "0.5",
}
OF_ANY_PROCESS = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
READ_WHEN_NEEDED = {"CONTROL_PANEL_CRASH_AT", "CHAOS_FREEZES"}
"""Variables that a process which is already set up may still be given."""
Process = subprocess.Popen[bytes] | Forked


@dataclass
class World:
    """Addresses and processes. `environment` is what the panel's processes get."""

    directory: Path
    database_url: str
    speed: float = 40.0
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    ended: list[Process] = field(default_factory=list)
    forks: list[Forks] = field(default_factory=list)
    server: str = ""
    platform: Callable[[Path], None] | None = None
    variables: dict[str, str] = field(default_factory=dict)
    hubs: dict[str, str] = field(default_factory=dict)
    """Environment → address of the Redis of its hub, which the sandbox then plays."""

    @property
    def deploy(self) -> Path:
        return self.directory / "deploy.git"

    def start(self) -> None:
        """Start the sandbox, make the repositories, load the catalog and bootstrap."""
        (self.platform or _working_tree)(self.directory / "platform")
        _alone(self.directory / "platform" / "platform.yaml", has_hubs=bool(self.hubs))
        as_repository(self.directory / "platform")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.deploy)], check=True)
        port = free_port()
        state = self.directory / "sandbox"
        state.mkdir()
        self.server = f"http://127.0.0.1:{port}"
        password = self.directory / "password"
        password.write_text("sandbox-password")
        arguments = [
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--state",
            str(state),
            "--repository-cache",
            str(self.directory / "cache-s"),
        ]
        redis = {f"{name.upper()}_REDIS_URL": url for name, url in self.hubs.items()}
        arguments += [part for name in self.hubs for part in ("--hub", f"{name}={name.upper()}_REDIS_URL")]
        self._spawn(
            "-m", "sandbox", *arguments, "--speed", str(self.speed), "--admin-password-file", str(password),
            environment={**os.environ, **redis},
        )  # fmt: skip
        until(lambda: _answers(f"{self.server}/healthz"), "the sandbox answers")
        token = (
            subprocess.run(
                [sys.executable, "-m", "sandbox", "token", "--state", str(state), "--account", "panel"],
                cwd=ROOT,
                check=True,
                capture_output=True,
            )
            .stdout.decode()
            .strip()
        )
        self.environment = {
            **{key: value for key, value in os.environ.items() if key in OF_ANY_PROCESS},
            **SHORT_TIMES,
            "DATABASE_URL": self.database_url,
            "DJANGO_SECRET_KEY": "only-for-tests-" + "0" * 32,
            "DJANGO_SETTINGS_MODULE": "controlpanel.settings",
            "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
            "PLATFORM_REPO_URL": str(self.directory / "platform"),
            "DEPLOY_REPO_URL": str(self.deploy),
            "ARGOCD_SERVER": self.server,
            "ARGOCD_TOKEN": token,
            "CACHE_DIRECTORY": str(self.directory / "cache"),
            "LOG_FORMAT": "console",
            **redis,
            **{f"{name.upper()}_HUB_URL": f"{self.server}/hubs/{name}" for name in self.hubs},
            **{f"{name.upper()}_PROMETHEUS_URL": f"{self.server}/hubs/{name}/prometheus" for name in self.hubs},
            **self.variables,
        }
        self.manage("load_platform")
        self.manage("bootstrap")

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end and return what it printed."""
        out, errors = self.directory / "command.out", self.directory / "command.errors"
        for path in (out, errors):
            path.unlink(missing_ok=True)
        status = self._fork(("manage.py", *arguments), {}, out, errors).wait()
        assert status == 0, f"{arguments}: {out.read_text()}\n{errors.read_text()}"
        return out.read_text()

    def spawn(self, *arguments: str, **environment: str) -> Process:
        """Start a process of the panel that a test may kill."""
        return self.run("manage.py", *arguments, **environment)

    def run(self, *arguments: str, **environment: str) -> Process:
        """Start any Python of the panel with the panel's environment."""
        if environment.keys() - READ_WHEN_NEEDED:
            return self._spawn(*arguments, environment={**self.environment, **environment})
        log = self._next_log()
        self.processes.append(self._fork(arguments, environment, log, log))
        return self.processes[-1]

    def _fork(self, arguments: tuple[str, ...], environment: dict[str, str], out: Path, errors: Path) -> Forked:
        """Fork from a process of this environment, which is made where there is none yet."""
        if not self.forks or self.forks[-1].environment != self.environment:
            self.forks.append(Forks(self.environment, self.directory / f"forks-{len(self.forks)}.log"))
        return self.forks[-1].start(arguments, {**self.environment, **environment}, out, errors)

    def watch(self, **environment: str) -> Process:
        """Start `watch`, which runs due rows itself where no broker is."""
        return self.spawn("watch", **environment)

    def worker(self, **environment: str) -> Process:
        """Start a Celery worker of two slots, which hears the broker that the environment names."""
        options = ["-Q", "wake,render,notify", "--concurrency", "2", "--without-gossip", "--without-mingle"]
        return self.run("-m", "celery", "--quiet", "-A", "controlpanel.celery", "worker", *options, **environment)

    def serve(self, port: int) -> None:
        """Start the web process and wait until it answers."""
        arguments = [
            "controlpanel.asgi:application",
            "--no-access-log",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--timeout-graceful-shutdown",
            "1",
        ]
        self.run("-m", "uvicorn", *arguments)
        until(lambda: _answers(f"http://127.0.0.1:{port}/healthz"), "the panel answers")

    def operations(self) -> list[dict[str, Any]]:
        """The sandbox's own log of accepted syncs and terminations."""
        path = self.directory / "sandbox" / "operations.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def git(self, *arguments: str) -> str:
        """Ask the deploy repository."""
        command = ["git", "-c", "safe.directory=*", f"--git-dir={self.deploy}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def end(self, process: Process) -> None:
        """Kill one process and what it started: once, for its id is soon somebody else's, of another world maybe."""
        if process in self.ended:
            return
        self.ended.append(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            self.end(process)
        for forks in self.forks:
            forks.close()

    def _next_log(self) -> Path:
        return self.directory / f"process-{len(self.processes)}.log"

    def _spawn(self, *arguments: str, environment: dict[str, str] | None = None) -> Process:
        with self._next_log().open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def log(self, process: Process) -> str:
        """What a process has written so far."""
        return (self.directory / f"process-{self.processes.index(process)}.log").read_text(errors="replace")

    def logs(self) -> str:
        """The ends of all logs, for a failing test's message."""
        return "\n".join(
            f"== {path.name}\n{path.read_text()[-3000:]}" for path in sorted(self.directory.glob("process-*.log"))
        )


@contextlib.contextmanager
def running_world(
    directory: Path,
    database_url: str,
    speed: float = 40.0,
    platform: Callable[[Path], None] | None = None,
    hubs: Any = None,
    **variables: str,
) -> Iterator[World]:
    """A started world that is stopped whatever happens. `platform` writes the platform's files, `variables` go before ours,
    `hubs` (environment → address of a Redis) are played."""
    world = World(
        directory=directory, database_url=database_url, speed=speed, platform=platform, variables=variables, hubs=hubs or {}
    )  # fmt: skip
    try:
        world.start()
        yield world
    finally:
        world.stop()


def until(condition: Any, what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Ask again and again; fail with a sentence where it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"Waited {seconds:.0f} s in vain until {what}."
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0).status_code == 200
    except httpx.HTTPError:
        return False


def free_port() -> int:
    """A port of this machine that nothing uses now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _working_tree(directory: Path) -> None:
    """The checkout's catalog and manifests, whatever state it is in."""
    directory.mkdir()
    shutil.copy(ROOT / "platform.yaml", directory)
    for name in ("kubernetes", "argo", "monitoring"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, directory / name)


def _alone(catalog: Path, *, has_hubs: bool) -> None:
    """Nobody is there to approve and to be told; without a hub nothing is proved in staging, so production does not ask for it."""
    if not catalog.exists():
        return
    gates = "approvals" if has_hubs else "approvals|verified-before"
    text = re.sub(rf"(?m)^ *- name: ({gates})\n", "", catalog.read_text("utf-8"))
    catalog.write_text(re.sub(r"(?ms)^notifications:\n.*?(?=^\S|\Z)", "", text), "utf-8")


def as_repository(directory: Path) -> None:
    """Make one commit of a directory."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-q", "-m", "Platform"]):
        subprocess.run(["git", *arguments], cwd=directory, check=True)
