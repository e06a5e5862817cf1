"""Finding and ending processes, and choosing ports."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from script.development import processes


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with the marker of tmp_path that ignores requests to end."""
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    environment = {**os.environ, processes.MARKER: str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_process_is_found_by_the_run_directory_that_it_belongs_to(
    tmp_path: Path, stubborn: subprocess.Popen[str]
) -> None:
    assert processes.marked(tmp_path) == [stubborn.pid]
    assert processes.marked(tmp_path / "other") == []


def test_what_does_not_end_when_asked_is_killed(stubborn: subprocess.Popen[str]) -> None:
    processes.end([stubborn.pid], grace=0.2)
    assert stubborn.wait(timeout=10) == -9


def test_a_process_that_is_gone_is_no_error() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    processes.end([process.pid], grace=0.1)
    assert not processes.is_alive(process.pid)
    assert processes.name_of(process.pid) == ""


def test_the_next_free_port_is_taken(taken: int) -> None:
    assert not processes.is_free(taken)
    assert processes.free_port(taken) > taken


def test_no_free_port_is_an_error(taken: int) -> None:
    with pytest.raises(OSError, match=f"No port from {taken} to {taken} is free"):
        processes.free_port(taken, last=taken)


def test_who_holds_a_port_is_named(taken: int) -> None:
    assert processes.holder_of(taken).endswith(f"(process {os.getpid()})")


def test_a_port_that_nobody_holds_has_no_name(taken: int) -> None:
    assert processes.holder_of(1) == "another program"
