"""Keeps programs running: starts them, waits until each is ready, starts again what dies, and ends them all."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from script.development.errors import CannotGoOn
from script.development.logbook import Logbook, split_lines
from script.development.processes import bound_to_parent, signal_group

LONGEST_PAUSE = 30.0
CALM_AFTER = 60.0
"""Seconds that a program must have run for its next death to count as the first."""


async def _at_once() -> bool:
    return True


def _nothing(line: str) -> bool:
    return False


@dataclass(frozen=True)
class Program:
    """One program to keep running. `command` must already be bound to its parent (see `processes`)."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    is_ready: Callable[[], Awaitable[bool]] = _at_once
    ready_seconds: float = 60.0
    is_hidden: Callable[[str], bool] = _nothing
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 8.0


@dataclass
class Child:
    """A program that was started."""

    program: Program
    process: Process
    output: asyncio.Task[None]
    started: float = field(default_factory=time.monotonic)


class Supervisor:
    """Starts programs and keeps them. `settled` turns true when the start is over: from then on deaths are repaired."""

    def __init__(self, logbook: Logbook) -> None:
        self.logbook = logbook
        self.settled = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._children: dict[str, Child] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def start(self, program: Program) -> None:
        """Start a program and return when it is ready. Raises `CannotGoOn` when it ends or is not ready in time."""
        child = await self._spawn(program)
        ended = asyncio.create_task(child.process.wait())
        ready = asyncio.create_task(_until(program.is_ready))
        await asyncio.wait({ended, ready}, timeout=program.ready_seconds, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if ended.done():
            await _collect(child)
            raise CannotGoOn(f"{program.name} {_ending(ended.result())} at its start.", self.logbook.tail(program.name))
        ended.cancel()
        if ready.done() and not ready.cancelled() and ready.exception() is None:
            self._keepers[program.name] = asyncio.create_task(self._keep(child))
            return
        raise CannotGoOn(
            f"{program.name} was not ready within {program.ready_seconds:.0f} s.", self.logbook.tail(program.name)
        )

    async def run(self, name: str, command: Sequence[str], environment: Mapping[str, str], directory: Path) -> str:
        """Run a command to its end and return what it wrote to standard output, which is not shown; the rest is.

        The output may be a secret: it goes to no log. Raises `CannotGoOn` with the last lines of the rest when it fails.
        """
        answer: list[str] = []
        program = Program(name, bound_to_parent(command), environment, directory)
        child = await self._spawn(program, answer.append)
        status = await child.process.wait()
        await _collect(child)
        self._children.pop(name, None)
        if status:
            shown = " ".join(Path(part).name if part.startswith("/") else part for part in command)
            raise CannotGoOn(f"`{shown}` {_ending(status)}.", self.logbook.tail(name))
        return "\n".join(answer)

    async def stop(self, names: Sequence[str]) -> None:
        """End the named programs at the same time: their own way first, by force after their grace."""
        for name in names:
            if keeper := self._keepers.pop(name, None):
                keeper.cancel()
        children = [self._children.pop(name) for name in names if name in self._children]
        await asyncio.gather(*(_end(child) for child in children))

    def running(self) -> list[str]:
        """The names of what was started and not stopped, in the order of their start."""
        return list(self._children)

    def kill(self) -> None:
        """End everything at once, for someone who does not want to wait."""
        for child in self._children.values():
            signal_group(child.process.pid, signal.SIGKILL)

    async def _spawn(self, program: Program, answer: Callable[[str], None] | None = None) -> Child:
        """Start a program; with `answer`, its standard output goes there and nowhere else."""
        process = await asyncio.create_subprocess_exec(
            *program.command, env={**os.environ, **program.environment}, cwd=program.directory, start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE if answer else asyncio.subprocess.STDOUT,
        )  # fmt: skip

        def show(line: str) -> None:
            self.logbook.line(program.name, line, hidden=program.is_hidden(line))

        child = Child(program, process, asyncio.create_task(_read(process, answer or show, show)))
        self._children[program.name] = child
        return child

    async def _keep(self, child: Child) -> None:
        """Start the program again whenever it ends; during the start of the whole, its end is the end of the start."""
        pause = 1.0
        while True:
            status = await child.process.wait()
            signal_group(child.process.pid, signal.SIGKILL)  # what it left behind
            sentence = f"{child.program.name} {_ending(status)}"
            if not self.settled:
                self._fail(CannotGoOn(f"{sentence} while the others started.", self.logbook.tail(child.program.name)))
                return
            pause = 1.0 if time.monotonic() - child.started > CALM_AFTER else pause
            self.logbook.say(f"{sentence}; it is started again in {pause:.0f} s.")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            child = await self._spawn(child.program)

    def _fail(self, error: CannotGoOn) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    pause = 0.02
    while not await condition():
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.5)


async def _read(process: Process, output: Callable[[str], None], error: Callable[[str], None]) -> None:
    streams = [(process.stdout, output), (process.stderr, error)]
    await asyncio.gather(*(_copy(stream, split_lines(report)) for stream, report in streams if stream))


async def _collect(child: Child) -> None:
    """Wait for the last lines of a process that ended; what it left behind must not keep its output open."""
    signal_group(child.process.pid, signal.SIGKILL)
    await child.output


async def _copy(stream: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    while chunk := await stream.read(65536):
        take(chunk)
    take(b"")


async def _end(child: Child) -> None:
    process = child.process
    if process.returncode is None:
        try:
            # The leader first: it ends its own children in order, and only then the whole group is swept.
            process.send_signal(child.program.stop_signal)
        except ProcessLookupError:
            pass
        try:
            await asyncio.wait_for(process.wait(), child.program.grace_seconds)
        except TimeoutError:
            pass
    signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    return f"was ended by {signal.Signals(-status).name}"
