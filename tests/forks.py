"""Processes of the panel that start in milliseconds: forked from one that has imported everything.

Each is a real process in a session of its own, with its own log, environment and command, and dies as any other does.
`Forks` is the side of the tests; `python -m tests.forks` is the process that forks, and knows the settings of one
environment. It ends, with all that it started, when the tests close its pipe or are gone.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMPORTED = (
    "controlpanel.asgi", "controlpanel.urls", "controlpanel.celery", "celery.bin.worker", "celery.concurrency.prefork", "celery.worker",
    "kombu.transport.redis", "deployments.tasks", "deployments.management.commands.watch", "uvicorn.protocols.http.auto",
    "django.core.management",
)  # fmt: skip
START_SECONDS = 60.0


@dataclass(eq=False)
class Forked:
    """A process that was forked for a test; as much of `subprocess.Popen` as tests use."""

    forks: Forks
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        self.forks.hear(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it has ended. Raises `subprocess.TimeoutExpired`."""
        while self.returncode is None:
            if not self.forks.hear(timeout) and timeout is not None:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self.returncode


class Forks:
    """Starts processes that share one environment, but for variables that are read each time they are needed."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.environment = dict(environment)
        self.running: dict[int, Forked] = {}
        self._buffer = b""
        with log.open("wb") as errors:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.forks"], cwd=ROOT, env=self.environment, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            )  # fmt: skip

    def start(self, arguments: tuple[str, ...], environment: dict[str, str], out: Path, errors: Path) -> Forked:
        """Run what `python ARGUMENTS` would; the outputs may be one file."""
        order = {"arguments": arguments, "environment": environment, "out": str(out), "errors": str(errors)}
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order).encode() + b"\n")
        self._server.stdin.flush()
        known = set(self.running)
        while not (new := self.running.keys() - known):
            assert self.hear(START_SECONDS), "The process that forks others does not answer."
        return self.running[new.pop()]

    def hear(self, seconds: float | None) -> bool:
        """Take in what was told within so many seconds (None: however long it takes); False where nothing was."""
        assert self._server.stdout is not None
        if not select.select([self._server.stdout], [], [], seconds)[0]:
            return False
        told = os.read(self._server.stdout.fileno(), 65536)
        assert told, "The process that forks others has ended."
        *lines, self._buffer = (self._buffer + told).split(b"\n")
        for line in lines:
            pid, *status = map(int, line.split())
            if status:
                self.running.pop(pid).returncode = status[0]
            else:
                self.running[pid] = Forked(self, pid)
        return True

    def close(self) -> None:
        """End it and what it started."""
        self._server.communicate()


@dataclass
class Server:
    """The process that forks. It tells the id of each process that began, and id and status of each that ended."""

    running: set[int] = field(default_factory=set)

    def orders(self) -> Iterator[dict[str, Any]]:
        """The lines on standard input; ends of processes are told meanwhile."""
        ended, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        buffer = b""
        while True:
            ready = select.select([0, ended], [], [])[0]
            if ended in ready:
                os.read(ended, 65536)
                self._reap()
            if 0 in ready:
                if not (read := os.read(0, 65536)):
                    return
                *lines, buffer = (buffer + read).split(b"\n")
                yield from map(json.loads, lines)

    def _reap(self) -> None:
        while self.running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self.running.discard(pid)
            _tell(pid, os.waitstatus_to_exitcode(status))

    def end_all(self) -> None:
        """Kill every process that still runs, and what it started."""
        for pid in self.running:
            os.killpg(pid, signal.SIGKILL)


def _tell(*numbers: int) -> None:
    os.write(1, f"{' '.join(map(str, numbers))}\n".encode())


def serve() -> dict[str, Any] | None:
    """Fork for each order. Returns the order in the process that is to carry it out, and None where the tests are over."""
    server = Server()
    for order in server.orders():
        pid = os.fork()
        if pid == 0:
            return order
        server.running.add(pid)
    server.end_all()
    return None


def become(order: dict[str, Any]) -> None:
    """Be the process that was ordered: in a session of its own, with its outputs, environment and command line."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    _tell(os.getpid())
    os.closerange(3, 256)  # of the process that forks
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, name in ((1, order["out"]), (2, order["errors"])):
        os.dup2(os.open(name, flags, 0o644), number)
    os.environ.clear()
    os.environ.update(order["environment"])
    first, *rest = order["arguments"]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


def main() -> None:
    """Import, then fork until the tests are over."""
    import django

    django.setup()
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    order = serve()
    if order is not None:
        become(order)


if __name__ == "__main__":
    main()
