"""The stream from which `git fast-import` makes a commit. Pure: the same inputs give the same bytes, hence the same commit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlpanel.clients.errors import GitUnsafe
from controlpanel.clients.git_address import full_id, tree_path, tree_paths

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Author:
    """Who a commit names as its author and committer."""

    name: str
    email: str

    def line(self, at: datetime) -> bytes:
        """As git writes it, in UTC and whole seconds."""
        if at.tzinfo is None:
            raise GitUnsafe("The time of a commit must have a zone.", "Give an aware time.")
        name, email = (_one_line(part) for part in (self.name, self.email))
        return f"{name} <{email}> {int(at.timestamp())} +0000".encode()


def _one_line(text: str) -> str:
    return " ".join("".join(" " if c in "<>" or not c.isprintable() else c for c in text).split())


def checked_replacements(replace: Mapping[str, Files]) -> dict[str, Files]:
    """Prefixes and their files (paths from the root of the tree), sorted; each file must lie below its prefix.

    The prefix "" is the whole tree.
    """
    checked: dict[str, Files] = {}
    for prefix in sorted(tree_path(prefix) if prefix else "" for prefix in replace):
        outside = [path for path in replace[prefix] if prefix and not path.startswith(f"{prefix}/")]
        if outside:
            raise GitUnsafe(
                f"{outside[0][:200]!r} does not lie below {prefix!r}.", "Give paths from the root of the tree."
            )
        checked[prefix] = {path: replace[prefix][path] for path in tree_paths(replace[prefix])}
    if any(one != other and (not one or other.startswith(f"{one}/")) for one in checked for other in checked):
        raise GitUnsafe("One replaced directory lies inside another.", "Name the outer one only.")
    return checked


def commit_stream(
    *, parent: str | None, replace: Mapping[str, Files], message: str, at: datetime, author: Author
) -> bytes:
    """The whole stream: a commit on a scratch ref that is named by the content; its id is printed as mark 1."""
    signature = author.line(at)
    parts = [b"author " + signature, b"\ncommitter " + signature, b"\n", _data(_message(message))]
    if parent is not None:
        parts.append(f"from {full_id(parent)}\n".encode())
    for prefix, files in checked_replacements(replace).items():
        parts.append(f'D "{prefix}"\n'.encode() if prefix else b"deleteall\n")
        for path, content in files.items():
            parts += [f'M 100644 inline "{path}"\n'.encode(), _data(content)]
    body = b"".join(parts)
    scratch = f"refs/scratch/{hashlib.sha256(body).hexdigest()}"
    head = f"feature done\ncommit {scratch}\nmark :1\n".encode()
    return head + body + b"\nget-mark :1\ndone\n"


def _message(message: str) -> bytes:
    encoded = message.replace("\r\n", "\n").rstrip().encode() + b"\n"
    if b"\0" in encoded or not encoded.strip():
        raise GitUnsafe("The message of a commit must be text.", "Give a message.")
    return encoded


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"
