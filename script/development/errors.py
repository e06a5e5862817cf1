"""The one error that the commands in `script/` show to people."""

from __future__ import annotations

from collections.abc import Sequence


class CannotGoOn(Exception):
    """Stops a command with one sentence that names the thing and the remedy, and the last lines of its log."""

    def __init__(self, sentence: str, lines: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.lines = tuple(lines)
