"""Trees as git lists them, and as files on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from controlpanel.clients.errors import GitError, GitUnsafe

MAX_TREE_BYTES = 256 * 1024 * 1024
_SYMLINK, _SUBMODULE, _EXECUTABLE, _TREE = "120000", "160000", "100755", "040000"


@dataclass(frozen=True)
class Entry:
    """One line of a recursive listing. `size` is 0 for what is not a file."""

    mode: str
    id: str
    size: int
    path: str

    @property
    def is_symlink(self) -> bool:
        return self.mode == _SYMLINK

    @property
    def is_tree(self) -> bool:
        return self.mode == _TREE

    @property
    def is_submodule(self) -> bool:
        return self.mode == _SUBMODULE


def parse_entries(listing: bytes) -> list[Entry]:
    """Read `git ls-tree -l -z`."""
    entries = []
    for line in listing.split(b"\0"):
        if line:
            facts, _, path = line.partition(b"\t")
            mode, _, object_id, size = facts.decode().split()
            entries.append(Entry(mode, object_id, int(size) if size.isdecimal() else 0, os.fsdecode(path)))
    if sum(entry.size for entry in entries) > MAX_TREE_BYTES:
        raise GitUnsafe(
            f"The tree holds more than {MAX_TREE_BYTES >> 20} MB.", "Keep large files out of this repository."
        )
    return entries


def parse_blobs(batch: bytes, count: int) -> Iterator[bytes]:
    """Read `git cat-file --batch`: a line `<id> blob <size>`, the content, a line end."""
    position = 0
    for _ in range(count):
        end = batch.index(b"\n", position)
        facts = batch[position:end].split()
        if len(facts) != 3 or facts[1] != b"blob":
            raise GitError("An object of the tree is missing from the cache.", "It is tried again with a fresh cache.")
        start, size = end + 1, int(facts[2])
        yield batch[start : start + size]
        position = start + size + 1


def write_tree(contents: Iterable[tuple[Entry, bytes]], directory: Path) -> None:
    """Write files below `directory`, which is made, or must be empty. Symbolic links come last and must stay inside."""
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise GitUnsafe(f"{directory} is not empty.", "Export into a new directory.")
    links, made = [], {""}
    for entry, content in contents:
        folder = _inside(entry.path).rpartition("/")[0]
        if folder not in made:
            (directory / folder).mkdir(parents=True, exist_ok=True)
            made.add(folder)
        if entry.is_symlink:
            links.append((directory / entry.path, os.fsdecode(content)))
        elif entry.is_submodule:
            (directory / entry.path).mkdir()
        else:
            _write(f"{directory}/{entry.path}", content, 0o755 if entry.mode == _EXECUTABLE else 0o644)
    for target, text in links:
        target.symlink_to(text)
    root = os.path.realpath(directory)
    for target, text in links:
        _refuse_leaving(target, text, root)


def _write(path: str, content: bytes, mode: int) -> None:
    """A new file by few calls: rendering waits for hundreds of them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)  # whatever the umask
        while content:
            content = content[os.write(descriptor, content) :]
    finally:
        os.close(descriptor)


def _inside(path: str) -> str:
    if path.startswith("/") or any(part in {"", ".", ".."} or part.lower() == ".git" for part in path.split("/")):
        raise GitUnsafe(f"The tree holds the path {path[:200]!r}.", "Remove it from the repository.")
    return path


def _refuse_leaving(link: Path, text: str, root: str) -> None:
    """Judged after all links exist, because one may lead through another."""
    real = os.path.realpath(link)
    if Path(text).is_absolute() or (real != root and not real.startswith(f"{root}{os.sep}")):
        path = link.name
        link.unlink()
        raise GitUnsafe(
            f"The symbolic link {path[:200]!r} leads out of the repository.", "Remove it from the repository."
        )
