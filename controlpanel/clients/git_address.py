"""Which addresses, names and paths git may be given. Everything else is refused before a process starts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from controlpanel.clients.errors import GitUnsafe

_SCP_LIKE = re.compile(r"(?P<user>[A-Za-z0-9][A-Za-z0-9._-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^-:][^:]*)")
_REF_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@=-]*")
_FULL_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True)
class Address:
    """A checked address. `protocol` is the only one that git may speak; `path` is set where it is a local directory."""

    url: str
    protocol: str
    path: Path | None = None

    def __str__(self) -> str:
        return self.url


def address(url: str) -> Address:
    """Check an address: https, http, ssh, file or an absolute path, without credentials."""
    if not url or url.startswith("-") or not url.isprintable() or " " in url or "::" in url.split("/")[0]:
        raise GitUnsafe("The address of the repository is not usable.", _REMEDY)
    if url.startswith("/"):
        return Address(url, "file", Path(url))
    if match := _SCP_LIKE.fullmatch(url):
        return Address(match.string, "ssh")
    return _from_url(url)


_REMEDY = "Give https://host/path, ssh://user@host/path, http://host/path or an absolute path."


def _from_url(url: str) -> Address:
    try:
        parts = urlsplit(url)
        host, user, password = parts.hostname or "", parts.username, parts.password
    except ValueError:
        raise GitUnsafe("The address of the repository is not a URL.", _REMEDY) from None
    if password is not None or (user is not None and parts.scheme != "ssh"):
        raise GitUnsafe(
            f"The address of the repository on {host} holds credentials.",
            "Take them out of the URL and give them by the variables for user name and password.",
        )
    if parts.scheme == "file" and not host and parts.path.startswith("/"):
        return Address(url, "file", Path(parts.path))
    if (
        parts.scheme not in {"https", "http", "ssh"}
        or not host
        or host.startswith("-")
        or parts.query
        or parts.fragment
    ):
        raise GitUnsafe("The address of the repository is not usable.", _REMEDY)
    if user is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", user):
        raise GitUnsafe("The user name in the address of the repository is not usable.", _REMEDY)
    return Address(url, parts.scheme)


def is_full_id(revision: str) -> bool:
    return bool(_FULL_ID.fullmatch(revision))


def full_id(revision: str) -> str:
    """Check that it is a whole commit id."""
    if not is_full_id(revision):
        raise GitUnsafe(f"{revision[:80]!r} is not a full commit id.", "Resolve it first.")
    return revision


def ref_name(name: str) -> str:
    """Check the name of a branch, tag or ref as git does, and a little more strictly."""
    parts = name.split("/")
    wrong = not _REF_NAME.fullmatch(name) or ".." in name or "@{" in name or name == "@" or name.endswith(".")
    if wrong or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts):
        raise GitUnsafe(
            f"{name[:80]!r} cannot be the name of a branch or ref.", "Use letters, digits, '-', '_', '.' and '/'."
        )
    return name


def tree_path(path: str) -> str:
    """Check a path inside a tree: relative, printable ASCII, and nothing that a file system could take for .git or '..'."""
    if not path.isascii() or not path.isprintable() or "\\" in path or '"' in path:
        raise GitUnsafe(f"{path[:200]!r} holds characters that no file here may have.", _PATH_REMEDY)
    for part in path.split("/"):
        bare = part.lower().rstrip(". ")
        if bare in {"", ".git", "git~1"} or part.lower().startswith((".git:", ".git/")):
            raise GitUnsafe(f"{path[:200]!r} is not a path that may be written to Git.", _PATH_REMEDY)
    return path


_PATH_REMEDY = "Rename the object or the component that it is made from."


def tree_paths(paths: Iterable[str]) -> list[str]:
    """Check a whole set, also that no file is at the same time a directory; sorted by bytes."""
    checked = sorted({tree_path(path) for path in paths}, key=str.encode)
    directories = {path.rsplit("/", depth)[0] for path in checked for depth in range(1, path.count("/") + 1)}
    for path in checked:
        if path in directories:
            raise GitUnsafe(f"{path!r} is a file and a directory at once.", _PATH_REMEDY)
    return checked
