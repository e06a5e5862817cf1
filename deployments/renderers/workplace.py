"""Where sources and tools' own files lie while they are rendered: in memory where there is plenty, else where TMPDIR says.

Hundreds of small files on a disk cost as much time as the tools that read them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

PREFIX = "render-"
IN_MEMORY = Path("/dev/shm")  # noqa: S108 (what is made there has an unguessable name and is for its owner only)
ROOM = 1024 * 1024 * 1024
"""Free bytes from which on memory is used: four times the largest tree that is taken."""
FORGOTTEN_SECONDS = 3600


def workplace() -> tempfile.TemporaryDirectory[str]:
    """An empty directory of one's own that is removed when it is left."""
    return tempfile.TemporaryDirectory(prefix=PREFIX, dir=_place())


@cache
def _place() -> str:
    place = IN_MEMORY if not os.environ.get("TMPDIR") and _has_room(IN_MEMORY) else Path(tempfile.gettempdir())
    _forget(place)
    return str(place)


def _has_room(directory: Path) -> bool:
    try:
        facts = os.statvfs(directory)
    except OSError:
        return False
    return os.access(directory, os.W_OK | os.X_OK) and facts.f_bavail * facts.f_frsize >= ROOM


def _forget(place: Path) -> None:
    """Remove what our own killed processes left: no rendering lasts an hour."""
    for left in place.glob(f"{PREFIX}*"):
        try:
            facts = left.lstat()
        except OSError:
            continue  # its owner was faster
        if facts.st_uid == os.geteuid() and time.time() - facts.st_mtime > FORGOTTEN_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
