"""Named places where a test may end the process, so that every line around an outside call can be the last one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

POINTS = (
    "render.before",
    "render.after",
    "commit.before_intent",
    "commit.before_push",
    "commit.after_push",
    "commit.after_move",
    "sync.before_intent",
    "sync.before_send",
    "sync.after_send",
    "sync.after_record",
    "observe.before_read",
    "observe.after_read",
    "verify.before_ask",
    "verify.after_ask",
    "finish.before_move",
    "cancel.before_claim",
    "cancel.after_claim",
    "cancel.before_terminate",
    "cancel.after_terminate",
)


def crashpoint(name: str) -> None:
    """Kill this process here if `CONTROL_PANEL_CRASH_AT` names the point and its file can still be taken.

    The variable is `<point>=<file>`: the file is removed first, so that only one process ever dies of it.
    """
    wanted = os.environ.get("CONTROL_PANEL_CRASH_AT")
    if wanted is None:
        return
    point, _, ticket = wanted.partition("=")
    if point == name and _taken(Path(ticket)):
        end()


def end() -> None:
    """End this process; a test may put something else in its place, such as a freeze."""
    os.kill(os.getpid(), signal.SIGKILL)


def _taken(ticket: Path) -> bool:
    try:
        ticket.unlink()
    except FileNotFoundError:
        return False
    return True
