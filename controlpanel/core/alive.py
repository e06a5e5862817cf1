"""A process that answers no requests says that it lives: it touches `control-panel-<name>` in the directory for scratch.

What watches over it looks at the file's age; kubernetes/control-panel/ does so by `find -mmin`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path


def alive(name: str) -> None:
    """Say that the process of this name lives now."""
    Path(tempfile.gettempdir(), f"control-panel-{name}").touch()
