"""Refuse files that hold a literal credential: those that are named, else all that Git knows or would add."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from controlpanel.core.literal_secrets import REMEDY
from controlpanel.core.literal_secrets_in_files import scan
from script.development.paths import ROOT


def files(root: Path) -> Iterator[Path]:
    """What Git tracks and what it does not ignore, below a directory."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return (root / name for name in listed.split("\0") if name)


def problems(paths: Sequence[Path]) -> Iterator[str]:
    """Say "file: line 3: kind in field" for each credential; binary files and those that are gone hold none."""
    for path in paths:
        try:
            text = path.read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        yield from (f"{shown}: {found.sentence}" for found in scan(text, path=str(path)))


def main() -> int:
    """Print what was found and return 1 when something was."""
    named = [Path(name).absolute() for name in sys.argv[1:]]
    paths = named or list(files(ROOT))
    found = list(problems(paths))
    print("\n".join([*found, REMEDY]) if found else f"{len(paths)} files hold no literal credential.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
