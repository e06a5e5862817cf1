"""What the processes of a measure use, by what the kernel counts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(group: int) -> float:
    """Processor time of a process group so far, ended children included."""
    return sum(sum(map(int, fields[11:15])) for _, fields in _members(group)) / TICKS


def resident_megabytes(group: int, key: str = "VmRSS") -> float:
    """Memory of all processes of a group together; `VmHWM` for the most that each has had."""
    return sum(_kilobytes(pid, key) for pid, _ in _members(group)) / 1024


def _members(group: int) -> Iterator[tuple[str, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(entry)
            if fields and int(fields[2]) == group:
                yield entry.name, fields


def _stat(entry: Path) -> list[str]:
    """From the state on: state, parent, group, …; nothing for a process that has ended meanwhile."""
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _kilobytes(pid: str, key: str) -> int:
    try:
        lines = (Path("/proc") / pid / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)
