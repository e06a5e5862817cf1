"""The tree of sources at a release's commit: places in it that are safe to follow, and its files within bounds."""

from __future__ import annotations

import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

MAXIMUM_BYTES = 1_000_000
"""Of one file."""
MAXIMUM_FILES = 1_000
MAXIMUM_TOTAL = 10_000_000
"""Bytes of all files of a chart or a folder together."""

READING = threading.Lock()
"""Held while sources are read: it is work for this process, and the first tool starts sooner when one is done at a time."""

_REMOTE = re.compile(
    r"://|^[a-z0-9+.-]+::|^[^/]+@|^[^/]*:|\?|^(?:www\.)?(?:github|gitlab|bitbucket)\.[a-z]+/|^_git/|/_git/",
    re.IGNORECASE,
)
# Helm reads a comma as the end of a path, and quotation marks around one; kustomize writes over some words before a colon.
_ODD = re.compile(r"""[\x00-\x1f\x7f\\*%#,":]|[^\x00-\x7f]""")


class SourceRefused(Exception):
    """A source that is not rendered: the message names file and line, the remedy says what to write instead."""

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}")


def inside(root: Path, folder: Path, place: str, where: str) -> Path:
    """The file or folder that a place means, if it is in the tree; links are followed and must stay there too."""
    if _REMOTE.search(place):
        raise SourceRefused(f"{where}: “{place}” is a remote address.", "Commit a copy and name its folder.")
    require_plain(place, where)
    if place.startswith("/"):
        raise SourceRefused(f"{where}: “{place}” leaves the repository.", "Name a path inside of it.")
    try:
        target = (folder / place).resolve()
        if not target.is_relative_to(root):
            raise SourceRefused(f"{where}: “{place}” leaves the repository.", "Name a path inside of it.")
        target.lstat()
    except FileNotFoundError as error:
        message = f"{where}: “{place}” is not in the repository at this commit."
        raise SourceRefused(message, "Add it, or correct the path.") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceRefused(f"{where}: “{place}” cannot be followed.", "Name a plain path without loops.") from error
    if not (target.is_dir() or target.is_file()):
        raise SourceRefused(f"{where}: “{place}” is neither a file nor a folder.", "Remove it.")
    return target


def require_plain(place: Path | str, where: str) -> None:
    """Raise `SourceRefused` for characters that a tool may read otherwise than a file's name."""
    if _ODD.search(str(place)):
        raise SourceRefused(
            f"{where}: {str(place)!a} is no plain path.", "Use letters, digits, dots, hyphens and slashes."
        )


def plain_folder(root: Path, place: str, where: str) -> Path:
    """A folder of the tree that is reached without any link."""
    folder = inside(root, root, place, where)
    if folder != root / place:
        raise SourceRefused(f"{where}: “{place}” is reached by a symbolic link.", "Commit the folder itself.")
    if not folder.is_dir():
        raise SourceRefused(f"{where}: “{place}” is not a folder.", "Name the folder that holds the files.")
    return folder


def plain_files(root: Path, folder: Path) -> list[Path]:
    """All files below a folder, sorted; raises SourceRefused for links, for what is no file and for too much."""
    found, total = [], 0
    for path in sorted(folder.rglob("*")):
        shown, status = path.relative_to(root), path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise SourceRefused(f"{shown} is a symbolic link.", "Commit the file itself.")
        if stat.S_ISDIR(status.st_mode):
            continue
        if not stat.S_ISREG(status.st_mode):
            raise SourceRefused(f"{shown} is neither a file nor a folder.", "Remove it.")
        found.append(path)
        total += _bounded(status.st_size, str(shown))
        if len(found) > MAXIMUM_FILES or total > MAXIMUM_TOTAL:
            message = f"{folder.relative_to(root)} holds more than {MAXIMUM_FILES:,} files or {MAXIMUM_TOTAL:,} bytes."
            raise SourceRefused(message, "Remove what is not rendered.")
    return found


def content_of(root: Path, file: Path) -> bytes:
    """The bytes of a file of the tree; raises SourceRefused for one that is too large."""
    _bounded(file.stat().st_size, str(file.relative_to(root)))
    return file.read_bytes()


def text_of(content: bytes, shown: str) -> str:
    """Bytes as text; raises SourceRefused for what is no UTF-8 or holds null bytes."""
    if b"\0" in content:
        raise SourceRefused(f"{shown} holds a null byte.", "Save it as UTF-8 text.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceRefused(f"{shown} is not UTF-8.", "Save it as UTF-8.") from error


def below(files: list[Path], folder: Path) -> Iterator[Path]:
    """Those of the files that are anywhere below a folder."""
    return (file for file in files if file.is_relative_to(folder))


def _bounded(size: int, shown: str) -> int:
    if size > MAXIMUM_BYTES:
        message = f"{shown} has {size:,} bytes; {MAXIMUM_BYTES:,} is the most that is read."
        raise SourceRefused(message, "Divide it, or keep it elsewhere.")
    return size
