"""What the started programs say: on the terminal with the program's name before each line, and in a file for each."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

COLOURS = {"server": 1, "web": 32, "worker": 36, "watch": 35, "sandbox": 33, "postgres": 34, "valkey": 31}
OTHER_COLOUR = 90
WIDTH = 9
KEPT_BYTES = 10_000_000
TAIL_LINES = 25


class Logbook:
    """Writes lines to a terminal and to `<directory>/<name>.log`, and remembers the last ones of each program."""

    def __init__(self, directory: Path, terminal: TextIO | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.terminal: TextIO | None = terminal or sys.stdout
        self.coloured = self.terminal.isatty() and "NO_COLOR" not in os.environ
        self.tails: dict[str, deque[str]] = {}
        self._files: dict[str, TextIO] = {}

    def say(self, sentence: str) -> None:
        """Tell the person who runs the server something."""
        for line in sentence.splitlines() or [""]:
            self.line("server", line)

    def line(self, name: str, text: str, *, hidden: bool = False) -> None:
        """Note one line of a program; a hidden one goes to its file only."""
        self.tails.setdefault(name, deque(maxlen=TAIL_LINES)).append(text)
        self._file(name).write(f"{text}\n")
        if not hidden:
            self._print(name, text)

    def tail(self, name: str) -> tuple[str, ...]:
        """The last lines of a program, oldest first."""
        return tuple(self.tails.get(name, ()))

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _print(self, name: str, text: str) -> None:
        if self.terminal is None:
            return
        prefix = f"{name:<{WIDTH}} |"
        if self.coloured:
            prefix = f"\x1b[{COLOURS.get(name, OTHER_COLOUR)}m{prefix}\x1b[0m"
        try:
            print(prefix, text, file=self.terminal, flush=True)
        except OSError:  # the terminal is gone (closed window, `| head`); the files go on
            self.terminal = None

    def _file(self, name: str) -> TextIO:
        if name not in self._files:
            path = self.directory / f"{name}.log"
            if path.exists() and path.stat().st_size > KEPT_BYTES:
                path.replace(path.with_suffix(".log.1"))
            self._files[name] = path.open("a", buffering=1, errors="replace")
        return self._files[name]


def split_lines(report: Callable[[str], None]) -> Callable[[bytes], None]:
    """Return a function that takes chunks of output and reports whole lines; call it with b"" at the end."""
    rest = b""

    def take(chunk: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + chunk).split(b"\n")
        if not chunk and rest:
            lines, rest = [rest], b""
        for line in lines:
            report(line.rstrip(b"\r").decode(errors="replace"))

    return take
