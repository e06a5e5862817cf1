"""The supervisor of the development server, with small programs of our own."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from script.development.errors import CannotGoOn
from script.development.logbook import Logbook
from script.development.paths import ROOT
from script.development.processes import bound_to_parent, is_alive
from script.development.supervisor import Program, Supervisor


def a_program(directory: Path, code: str, **changes: object) -> Program:
    command = bound_to_parent([sys.executable, "-c", textwrap.dedent(code)])
    return Program("web", command, {}, directory, **changes)  # type: ignore[arg-type]


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def ready_when_exists(path: Path) -> Callable[[], Awaitable[bool]]:
    async def is_ready() -> bool:
        return path.exists()

    return is_ready


@pytest.fixture
def terminal() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logbook(tmp_path: Path, terminal: io.StringIO) -> Iterator[Logbook]:
    with closing(Logbook(tmp_path / "logs", terminal)) as logbook:
        yield logbook


async def test_a_program_that_ends_at_its_start_fails_the_start_with_its_last_lines(
    tmp_path: Path, logbook: Logbook
) -> None:
    supervisor = Supervisor(logbook)
    program = a_program(
        tmp_path, "print('no such table'); raise SystemExit(3)", is_ready=ready_when_exists(tmp_path / "x")
    )
    with pytest.raises(CannotGoOn) as stopped:
        await supervisor.start(program)
    assert stopped.value.sentence == "web ended with exit status 3 at its start."
    assert "no such table" in stopped.value.lines


async def test_a_program_that_is_never_ready_fails_the_start(tmp_path: Path, logbook: Logbook) -> None:
    supervisor = Supervisor(logbook)
    program = a_program(
        tmp_path, "import time; time.sleep(60)", ready_seconds=0.3, is_ready=ready_when_exists(tmp_path / "x")
    )
    with pytest.raises(CannotGoOn, match="web was not ready within 0 s"):
        await supervisor.start(program)
    await supervisor.stop(["web"])


async def test_a_program_that_dies_after_the_start_is_started_again_and_said(
    tmp_path: Path, logbook: Logbook, terminal: io.StringIO
) -> None:
    supervisor = Supervisor(logbook)
    starts = tmp_path / "starts"
    code = f"import os, time; open({str(starts)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    await supervisor.start(a_program(tmp_path, code, is_ready=ready_when_exists(starts)))
    supervisor.settled = True
    os.kill(int(starts.read_text()), signal.SIGKILL)
    await eventually(lambda: len(starts.read_text().splitlines()) == 2)
    await supervisor.stop(["web"])
    assert "web was ended by SIGKILL; it is started again in 1 s." in terminal.getvalue()


async def test_a_program_that_dies_while_the_others_start_fails_the_start(tmp_path: Path, logbook: Logbook) -> None:
    supervisor = Supervisor(logbook)
    await supervisor.start(a_program(tmp_path, "print('bye')"))
    with pytest.raises(CannotGoOn, match="web ended with exit status 0 while the others started"):
        await asyncio.wait_for(supervisor.failed, 20)


async def test_stopping_ends_the_whole_group_though_it_ignores_the_request(tmp_path: Path, logbook: Logbook) -> None:
    supervisor = Supervisor(logbook)
    code = """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = os.fork()
        if child:
            open('pids.new', 'w').write(f'{os.getpid()} {child}')
            os.rename('pids.new', 'pids')
        time.sleep(60)
    """
    pids = tmp_path / "pids"
    await supervisor.start(a_program(tmp_path, code, grace_seconds=0.2, is_ready=ready_when_exists(pids)))
    await supervisor.stop(["web"])
    assert not any(is_alive(int(pid)) for pid in pids.read_text().split())


async def test_the_output_of_a_command_is_returned_and_its_errors_are_shown(
    tmp_path: Path, logbook: Logbook, terminal: io.StringIO
) -> None:
    code = "import sys; print('cp_secret'); print('50 of 100', file=sys.stderr)"
    answer = await Supervisor(logbook).run("token", [sys.executable, "-c", code], {}, tmp_path)
    assert answer == "cp_secret"
    assert "cp_secret" not in (tmp_path / "logs" / "token.log").read_text()
    assert terminal.getvalue() == "token     | 50 of 100\n"


async def test_a_command_that_fails_is_named_with_its_last_lines(tmp_path: Path, logbook: Logbook) -> None:
    with pytest.raises(CannotGoOn) as stopped:
        await Supervisor(logbook).run(
            "migrate", ["/bin/sh", "-c", "echo relation is missing >&2; exit 2"], {}, tmp_path
        )
    assert stopped.value.sentence.endswith("ended with exit status 2.")
    assert stopped.value.lines == ("relation is missing",)


def test_a_supervisor_that_is_killed_leaves_no_program_behind(tmp_path: Path) -> None:
    code = f"""
        import asyncio, os, sys
        from pathlib import Path
        from script.development.logbook import Logbook
        from script.development.processes import bound_to_parent
        from script.development.supervisor import Program, Supervisor

        async def main():
            supervisor = Supervisor(Logbook(Path({str(tmp_path)!r})))
            program = Program("web", bound_to_parent(["sh", "-c", "echo $$; exec sleep 60"]), {{}}, Path("/"))
            await supervisor.start(program)
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline().split("|")[1])
        assert is_alive(child)
        supervisor.kill()
    deadline = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(child)


def test_a_terminal_that_went_away_does_not_stop_the_log_files(tmp_path: Path) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    logbook = Logbook(tmp_path, Gone())
    logbook.line("web", "first")
    logbook.line("web", "second")
    logbook.close()
    assert (tmp_path / "web.log").read_text() == "first\nsecond\n"
