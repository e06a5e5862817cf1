"""A renderer's child: what it cannot reach, and how it is stopped."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deployments.renderers import child
from deployments.renderers.child import ChildFailed, Protection, protection, run

SHELL = "/bin/sh"


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def test_what_it_prints_is_returned() -> None:
    assert run([SHELL, "-c", "echo hello"]) == b"hello\n"


def test_a_third_waits_until_one_of_two_has_ended() -> None:
    with ThreadPoolExecutor(1) as pool:
        with child._TOOLS, child._TOOLS:
            third = pool.submit(run, [SHELL, "-c", "echo hello"])
            assert wait([third], timeout=0.05).not_done
        assert third.result(10) == b"hello\n"


def test_its_own_words_are_told_when_it_fails() -> None:
    with pytest.raises(ChildFailed, match=r"^it is broken$"):
        run([SHELL, "-c", "echo it is broken >&2; exit 3"])


def test_silence_is_told_with_the_status() -> None:
    with pytest.raises(ChildFailed, match="status 3"):
        run([SHELL, "-c", "exit 3"])


def test_it_gets_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOCD_TOKEN", "canary")

    output = run([shutil.which("env") or "/usr/bin/env"])

    assert b"canary" not in output
    names = {line.split(b"=")[0] for line in output.splitlines()}
    assert names == {b"PATH", b"HOME", b"TMPDIR", b"LANG", b"GOMAXPROCS", b"GOGC", b"GOMEMLIMIT"}


def test_it_finds_no_other_program_by_name() -> None:
    with pytest.raises(ChildFailed, match="not found"):
        run([SHELL, "-c", "git --version"])


def test_it_gets_no_open_file_of_ours(tmp_path: Path) -> None:
    with (tmp_path / "ours").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        with pytest.raises(ChildFailed):
            run([SHELL, "-c", f"echo x >&{file.fileno()}"])


def test_it_cannot_write_files() -> None:
    with pytest.raises(ChildFailed):
        run([SHELL, "-c", "echo x > $HOME/file"])


@pytest.mark.skipif(not protection().isolated, reason="this machine does not allow network namespaces")
def test_it_has_no_network() -> None:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    connect = f"import socket; socket.create_connection(('127.0.0.1', {listening.server_port}), 2)"
    try:
        with pytest.raises(ChildFailed, match=r"OSError|unreachable"):
            run(python(connect))
    finally:
        listening.server_close()


@pytest.mark.skipif(not protection().isolated, reason="this machine does not allow network namespaces")
def test_kustomize_itself_can_fetch_nothing(tmp_path: Path) -> None:
    """The second wall: even a remote resource that slipped through the reading is not fetched."""
    asked = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.set()
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{listening.server_port}/x.yaml"
    (tmp_path / "kustomization.yaml").write_text(f"resources: ['{address}']\n", "utf-8")
    kubectl = Path(sys.executable).with_name("kubectl")
    try:
        with pytest.raises(ChildFailed):
            run([str(kubectl), "kustomize", str(tmp_path)])
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
    assert not asked.is_set()


def test_it_is_stopped_after_its_time() -> None:
    started = time.monotonic()

    with pytest.raises(ChildFailed, match=r"within 0\.3 seconds"):
        run(["/bin/sleep", "600"], time_limit=0.3)

    assert time.monotonic() - started < 10


def test_it_is_stopped_after_its_time_even_when_it_closed_its_output() -> None:
    with pytest.raises(ChildFailed, match=r"within 0\.5 seconds"):
        run([SHELL, "-c", "exec >&- 2>&-; exec /bin/sleep 600"], time_limit=0.5)


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    """The grandchild holds a pipe of ours open, whose end we see as soon as it is gone."""
    reading, writing = os.pipe()
    os.close(writing)
    os.close(reading)
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    opened = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(ChildFailed, match="within"):
            run([SHELL, "-c", f"/bin/sleep 600 3>{fifo} & wait"], time_limit=1)
        os.set_blocking(opened, True)
        assert os.read(opened, 1) == b""
    finally:
        os.close(opened)


def test_it_is_stopped_when_it_prints_without_end() -> None:
    with pytest.raises(ChildFailed, match="more than 8,388,608 bytes"):
        run([shutil.which("yes") or "/usr/bin/yes"])


def test_complaints_without_end_are_cut() -> None:
    with pytest.raises(ChildFailed) as raised:
        run([SHELL, "-c", "i=0; while [ $i -lt 9000 ]; do echo 0123456789 >&2; i=$((i+1)); done; exit 1"])

    assert len(raised.value.message) <= 64 * 1024


def test_it_cannot_take_all_memory() -> None:
    with pytest.raises(ChildFailed, match="MemoryError"):
        run(python("x = bytearray(1 << 30)"))


def test_a_machine_without_namespaces_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_isolation", lambda: [shutil.which("false") or "/bin/false"])

    answer = protection.__wrapped__()

    assert answer == Protection(False, answer.sentence)
    assert "reading the sources alone" in answer.sentence


def test_a_machine_without_the_small_programs_names_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ChildFailed, match="prlimit is not installed; install the package util-linux"):
        child._program.__wrapped__("prlimit")


def test_it_may_gain_no_rights_and_has_the_limits_that_are_said() -> None:
    limits = run([shutil.which("cat") or "/bin/cat", "/proc/self/status", "/proc/self/limits"]).decode()
    assert "NoNewPrivs:\t1" in limits
    named = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines() if line.startswith("Max ")}
    assert named["Max file size"] == ["0", "0"] and named["Max core file size"] == ["0", "0"]
    assert int(named["Max data size"][1]) <= 768 * 1024 * 1024 and int(named["Max cpu time"][1]) <= 20


def test_without_namespaces_it_still_runs_with_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "protection", lambda: Protection(False, ""))

    assert run([SHELL, "-c", "ulimit -c"]) == b"0\n"
