"""Operating-system processes: start commands that end with us, find what an earlier run left, name who holds a port."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RETITLED = ("valkey-server",)
"""Programs that write their title over the environment that the kernel shows; they are known by where they work."""

MARKER = "CONTROL_PANEL_RUN"
"""Environment variable of every process that `script/server` starts: the run directory that it belongs to."""

LISTENING = "0A"
PROC = Path("/proc")


@dataclass(frozen=True)
class Account:
    """An account of the operating system that a program runs as."""

    name: str
    user: int
    group: int

    def own(self, path: Path) -> None:
        """Give a file or directory to the account."""
        os.chown(path, self.user, self.group)


def bound_to_parent(command: Sequence[str], account: Account | None = None, death_signal: str = "TERM") -> list[str]:
    """Return the command so that the kernel sends it `death_signal` when whoever started it dies, even by kill -9."""
    return [*as_account([], account, ("--pdeathsig", death_signal)), *command]


def as_account(command: Sequence[str], account: Account | None, options: Sequence[str] = ()) -> list[str]:
    """Return the command as the account runs it; unchanged where there is none to change to."""
    if account is None and not options:
        return list(command)
    identity = [f"--reuid={account.user}", f"--regid={account.group}", "--clear-groups"] if account else []
    return ["setpriv", *options, *identity, "--", *command]


def marked(run: Path) -> list[int]:
    """Return the ids of the processes that belong to this run directory, ourselves left out."""
    needle = f"{MARKER}={run}".encode()
    return [
        pid
        for pid in _process_ids()
        if pid != os.getpid() and (needle in _read(pid, "environ").split(b"\0") or _is_retitled(pid, run))
    ]


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not collected yet does not."""
    status = _read(pid, "stat").rpartition(b")")[2].split()
    return bool(status) and status[0] not in (b"Z", b"X")


def name_of(pid: int) -> str:
    """Return the process's name as `ps` shows it, or "" when it is gone."""
    return _read(pid, "comm").decode(errors="replace").strip()


def end(pids: Iterable[int], grace: float = 5.0) -> None:
    """Ask the processes to end, and kill those that still run after `grace` seconds."""
    waiting = list(pids)
    for pid in waiting:
        # PostgreSQL waits for its clients after SIGTERM; SIGINT disconnects them.
        _signal(pid, signal.SIGINT if name_of(pid) == "postgres" else signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (waiting := [pid for pid in waiting if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in waiting:
        _signal(pid, signal.SIGKILL)


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to every process of the group; a group that is gone is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def is_free(port: int) -> bool:
    """Whether we could listen on this port of the loopback address."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(wanted: int, last: int | None = None) -> int:
    """Return `wanted` or the next free port after it. Raises OSError when none up to `last` is free."""
    for port in range(wanted, min(last or wanted + 100, 65535) + 1):
        if is_free(port):
            return port
    raise OSError(f"No port from {wanted} to {last or wanted + 100} is free.")


def holder_of(port: int) -> str:
    """Name who listens on the port: "python3 (process 4242)", or "another program" where we may not see it."""
    sockets = set(_listening_sockets(port))
    for pid in _process_ids():
        if sockets & set(_open_sockets(pid)):
            return f"{name_of(pid)} (process {pid})"
    return "another program"


def _listening_sockets(port: int) -> Iterator[str]:
    for table in ("net/tcp", "net/tcp6"):
        for line in (PROC / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _open_sockets(pid: int) -> Iterator[str]:
    try:
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            yield str(descriptor.readlink())
    except OSError:  # not ours to see, or gone meanwhile
        return


def _is_retitled(pid: int, run: Path) -> bool:
    if name_of(pid) not in RETITLED:
        return False
    try:
        return (PROC / str(pid) / "cwd").readlink().is_relative_to(run)
    except OSError:  # not ours to see, or gone meanwhile
        return False


def _process_ids() -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:  # not ours to see, or gone meanwhile
        return b""


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
