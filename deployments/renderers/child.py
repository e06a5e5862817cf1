"""Runs a rendering tool as a child that has no network, no environment, and bounds on time, memory and output."""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import cache

from deployments.renderers.workplace import workplace

TIME_LIMIT = 30.0
OUTPUT_LIMIT = 8 * 1024 * 1024
_ERROR_LIMIT = 64 * 1024
# More of them would only share the processors: the result of the one that was begun first would be read last.
_TOOLS = threading.BoundedSemaphore(2)
_MIB = 1024 * 1024
# Tools that live for 60 ms need not collect garbage until they have a good part of what they may have: a fifth less work.
_SURROUNDINGS = {"LANG": "C.UTF-8", "GOMAXPROCS": "1", "GOGC": "off", "GOMEMLIMIT": "400MiB"}
# Go reserves far more address space than it uses, so the data segment is what holds its memory down.
_LIMITS = {
    "as": (resource.RLIMIT_AS, 8192 * _MIB),
    "data": (resource.RLIMIT_DATA, 768 * _MIB),
    "cpu": (resource.RLIMIT_CPU, 20),
    "core": (resource.RLIMIT_CORE, 0),
    "nofile": (resource.RLIMIT_NOFILE, 256),
}


class ChildFailed(Exception):
    """The tool did not end well; `message` is its own last words, or says which bound it broke."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


@dataclass(frozen=True)
class Protection:
    """How a child is kept from the network: by the kernel, or only because remote addresses are refused by reading."""

    isolated: bool
    sentence: str


@cache
def protection() -> Protection:
    """What this machine allows; tried once for each process."""
    with contextlib.suppress(ChildFailed):
        trial = [*_isolation(), sys.executable, "-I", "-S", "-c", ""]
        if subprocess.run(trial, capture_output=True, timeout=TIME_LIMIT, check=False).returncode == 0:
            return Protection(True, "Renderers run without network, in a namespace of their own.")
    return Protection(False, "Renderers share the network here; remote bases are refused by reading the sources alone.")


def _isolation() -> list[str]:
    """A network without any interface that works; who is not root needs a user namespace for it."""
    return [_program("unshare"), "--net", *([] if os.geteuid() == 0 else ["--user"]), "--"]


def _bounds(write_limit: int) -> list[str]:
    """Takes means away and becomes the tool: three small programs of util-linux, a fifth of what a Python would cost."""
    limits = [f"--{name}={_lowered(number, value)}" for name, (number, value) in _LIMITS.items()]
    written = f"--fsize={_lowered(resource.RLIMIT_FSIZE, write_limit)}"
    return [_program("setpriv"), "--pdeathsig", "KILL", "--no-new-privs", _program("prlimit"), *limits, written]


def _lowered(limit: int, value: int) -> str:
    """Soft and hard limit; never above the hard limit that this process has itself."""
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    return f"{value}:{value}"


@cache
def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin:/usr/sbin:/sbin")
    if found is None:
        raise ChildFailed(f"{name} is not installed; install the package util-linux.")
    return found


def run(
    program: list[str], *, time_limit: float = TIME_LIMIT, output_limit: int = OUTPUT_LIMIT, write_limit: int = 0
) -> bytes:
    """Run a program (absolute path first) and return what it printed; times in seconds, sizes in bytes.

    No file that it writes may be larger than `write_limit`; its TMPDIR is empty, its own and removed afterwards.

    Raises ChildFailed where it fails, takes too long or prints too much. Nothing that it started outlives the call.
    Two run at once in a process; a third waits, and its time begins when it starts.
    """
    launch = [*(_isolation() if protection().isolated else []), *_bounds(write_limit), *program]
    with _TOOLS, workplace() as home:
        child = subprocess.Popen(
            launch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home,
            env={"PATH": home, "HOME": home, "TMPDIR": home, **_SURROUNDINGS},
            start_new_session=True,
        )
        try:
            output, errors = _collect(child, time.monotonic() + time_limit, time_limit, output_limit)
        finally:
            _end(child)
    if child.returncode != 0:
        raise ChildFailed(_last_words(child.returncode, errors))
    return output


def _collect(
    child: subprocess.Popen[bytes], deadline: float, time_limit: float, output_limit: int
) -> tuple[bytes, bytes]:
    """Read both pipes until they close; what a tool prints beyond its bound is never kept."""
    assert child.stdout is not None and child.stderr is not None
    output, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, output)
        selector.register(child.stderr, selectors.EVENT_READ, errors)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise ChildFailed(_too_long(time_limit))
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                key.data.extend(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
            del errors[_ERROR_LIMIT:]
            if len(output) > output_limit:
                raise ChildFailed(f"It printed more than {output_limit:,} bytes and was stopped.")
    _wait(child, deadline, time_limit)
    return bytes(output), bytes(errors)


def _wait(child: subprocess.Popen[bytes], deadline: float, time_limit: float) -> None:
    """A child may close its pipes and go on; it still has only its time."""
    try:
        child.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise ChildFailed(_too_long(time_limit)) from error


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the whole group, whatever it started, and close the pipes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _too_long(time_limit: float) -> str:
    return f"It did not finish within {time_limit:g} seconds and was stopped."


_OF_MEMORY = (
    "out of memory",
    "cannot allocate memory",
    "fatal error: unexpected signal",
    "SIGSEGV: segmentation violation",
)


def _last_words(status: int, errors: bytes) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        return f"It was stopped by {name}, as happens beyond its bounds of memory, processor time or file size."
    words = errors.decode("utf-8", "replace").strip()
    # A Go program whose memory ends while it makes room for a stack or for garbage collection dies of a wild signal.
    if any(sign in words for sign in _OF_MEMORY):
        return "It needed more memory than it may have and was stopped."
    return words or f"It ended with status {status} and said nothing."
