"""Git as the panel uses it: read a tree, make one deterministic commit, and push it so that it lands once or not at all.

A push moves a branch and creates a claim ref in one atomic step, each with a lease. So "did my push land?" is one
question to the remote, nobody's work is overwritten, and nothing can land twice under the same claim.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from controlpanel.clients import git_address
from controlpanel.clients.errors import GitError, GitRefNotFound, GitUnreachable, GitUnsafe
from controlpanel.clients.git_access import GitCredentials
from controlpanel.clients.git_command import Output
from controlpanel.clients.git_commit import Author, Files, commit_stream
from controlpanel.clients.git_copy import GitCopy
from controlpanel.clients.git_tree import Entry, parse_entries, write_tree

__all__ = [
    "Author",
    "Claimed",
    "Files",
    "GitCredentials",
    "GitRepository",
    "Moved",
    "PushResult",
    "Pushed",
    "create_local_repository",
]


@dataclass(frozen=True)
class Pushed:
    """The branch and the claim now name `commit`."""

    commit: str


@dataclass(frozen=True)
class Claimed:
    """The claim existed already and names `commit`: our own if an earlier push landed, else someone called it off."""

    commit: str


@dataclass(frozen=True)
class Moved:
    """The branch is not where it was expected; `tip` is where it is, None where it does not exist. Nothing changed."""

    tip: str | None


PushResult = Pushed | Claimed | Moved


class GitRepository:
    """One repository, through a disposable copy below `cache`, which threads and processes may share.

    Every method raises GitUnreachable, GitCredentialsRefused, GitRefNotFound, GitRejected, GitUnsafe or plain GitError.
    """

    def __init__(
        self, url: str, cache: Path, *, credentials: GitCredentials | None = None, timeout: float = 20
    ) -> None:
        self.address = git_address.address(url)
        self._copy = GitCopy(self.address, cache.absolute(), credentials, timeout)

    def __repr__(self) -> str:
        return f"GitRepository({self.address.url!r})"

    # ---- what the remote has

    def tip(self, ref: str) -> str | None:
        """The commit that a branch (`env/staging`), a whole ref (`refs/…`) or HEAD names on the remote now, else None."""
        name = ref if ref == "HEAD" or ref.startswith("refs/") else f"refs/heads/{ref}"
        return self._copy.remote_refs(git_address.ref_name(name)).get(name)

    def claim(self, ref: str) -> str | None:
        """The commit that a claim ref names on the remote now; None while nobody has claimed."""
        return self.tip(_claim_name(ref))

    def default_branch(self) -> str | None:
        """The branch that HEAD names, even while it does not exist yet; None where the server does not say."""
        return self._copy.default_branch()

    def fetch(self) -> None:
        """Bring the copy up to date with the remote's branches and tags."""
        self._copy.fetch()

    # ---- reading

    def resolve(self, revision: str) -> str:
        """The full commit id of a full id, a branch, a tag or HEAD. Names are asked of the remote each time."""
        if git_address.is_full_id(revision):
            return self._copy.ensured(revision)
        name = git_address.ref_name(revision)
        names = (name,) if name == "HEAD" or name.startswith("refs/") else (f"refs/heads/{name}", f"refs/tags/{name}")
        found = self._copy.remote_refs(*names)
        commit = next((found[n] for base in names for n in (f"{base}^{{}}", base) if n in found), None)
        if commit is None:
            raise GitRefNotFound(f"{self.address} has no branch or tag {revision!r}.", "Check the name, or push it.")
        return self._copy.ensured(commit)

    def files(self, commit: str, prefix: str = "") -> dict[str, bytes]:
        """All files of the commit below `prefix` (or the one file of that name), by path from the root.

        A symbolic link reads as its target's name.
        """
        return {entry.path: content for entry, content in self._contents(commit, prefix)}

    def export(self, commit: str, directory: Path, prefix: str = "") -> dict[str, str]:
        """Write the commit's tree into a new or empty directory; a symbolic link that leaves it is refused.

        Returns what `ids` gives for everything below `prefix`.
        """
        entries = self._entries(commit, prefix, "-t")
        write_tree(self._read(commit, [entry for entry in entries if not entry.is_tree]), directory)
        return {".": commit} | {entry.path: entry.id for entry in entries}

    def subtree(self, commit: str, prefix: str) -> str | None:
        """The id of the tree at `prefix`, None when absent; equal ids hold equal files."""
        arguments = ("ls-tree", "-l", "-z", "-d", commit, "--", git_address.tree_path(prefix))
        entries = parse_entries(self._copy.read(*arguments, needs=[git_address.full_id(commit)]).stdout)
        return entries[0].id if entries else None

    def ids(self, commit: str, paths: Collection[str]) -> dict[str, str]:
        """The ids of the files and trees at these paths ("." for the whole), without those that are absent."""
        places = sorted(git_address.tree_path(path) for path in paths if path != ".")
        whole = {".": git_address.full_id(commit)} if "." in paths else {}
        if not places:
            return whole
        listed = self._copy.read("ls-tree", "-l", "-z", commit, "--", *places, needs=[git_address.full_id(commit)])
        return whole | {entry.path: entry.id for entry in parse_entries(listed.stdout)}

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Whether `of` is `commit` or was built upon it."""
        pair = (git_address.full_id(commit), git_address.full_id(of))
        return self._copy.read("merge-base", "--is-ancestor", *pair, needs=pair, allowed=(0, 1)).code == 0

    def changed_paths(self, old: str, new: str, prefix: str = "") -> tuple[str, ...]:
        """Paths that differ between two commits, below `prefix`."""
        pair = (git_address.full_id(old), git_address.full_id(new))
        paths = ("--", git_address.tree_path(prefix)) if prefix else ()
        listed = self._copy.read(
            "diff-tree", "-r", "-z", "--no-renames", "--name-only", *pair, *paths, needs=pair
        ).stdout
        return tuple(path.decode(errors="surrogateescape") for path in listed.split(b"\0") if path)

    def message(self, commit: str) -> str:
        """The commit's message, trailers included."""
        raw = self._copy.read("cat-file", "commit", commit, needs=[git_address.full_id(commit)]).stdout
        return raw.partition(b"\n\n")[2].decode(errors="replace")

    def trailers(self, commit: str) -> list[tuple[str, dict[str, str]]]:
        """The commits that lead to this one by their first parents, oldest first, each with its trailers (the last of a name counts)."""
        arguments = ("log", "--first-parent", "--reverse", "-z", "--format=%H%n%(trailers:only,unfold)", commit)
        listed = self._copy.read(*arguments, needs=[git_address.full_id(commit)]).stdout.decode(errors="replace")
        return [(one[0], dict(_pairs(one[1:]))) for one in map(str.splitlines, filter(None, listed.split("\0")))]

    # ---- writing

    def commit(
        self, *, parent: str | None, replace: Mapping[str, Files], message: str, at: datetime, author: Author
    ) -> str:
        """Make a commit in the copy and return its id; the same inputs give the same id, on any machine.

        `replace` maps a directory to all the files that it shall hold (paths from the root of the tree); an empty mapping
        removes it. Everything outside these directories stays as in `parent` (None: there was nothing before).
        """
        stream = commit_stream(parent=parent, replace=replace, message=message, at=at, author=author)
        needs = [] if parent is None else [parent]
        output = self._copy.write("fast-import", "--quiet", "--force", needs=needs, stdin=stream)
        return git_address.full_id(output.stdout.decode(errors="replace").strip())

    def push(self, *, branch: str, expected: str | None, commit: str, claim: str) -> PushResult:
        """Move `branch` from `expected` (None: create it) to `commit` and create `claim`, both or neither.

        After GitUnreachable it may have landed: ask `claim`, or push again, which cannot land twice.
        """
        ref, claimed = f"refs/heads/{git_address.ref_name(branch)}", _claim_name(claim)
        self._require(commit)
        if expected is not None and not self.is_ancestor(expected, commit):
            raise GitUnsafe(
                f"{commit[:12]} is not built upon {expected[:12]}.", "Make the commit upon the branch's tip."
            )
        return self._standing(ref, claimed, expected) or self._push(ref, claimed, expected, commit)

    def reserve(self, claim: str, commit: str) -> Pushed | Claimed:
        """Create the claim alone, so that every later push under it is refused; Claimed if someone was first."""
        name = _claim_name(claim)
        if (holder := self.tip(name)) is not None:
            return Claimed(holder)
        self._copy.ensured(git_address.full_id(commit))
        return self._create(name, commit)

    def rehearse_push(self, commit: str) -> None:
        """Ask the remote whether it would take a new branch at `commit`, and change nothing. Raises why it would not."""
        self._copy.ensured(commit)
        name = f"refs/heads/panel-rehearsal-{commit[:12]}"
        output = self._copy.push(["--dry-run", "--atomic", "--", self.address.url, f"{commit}:{name}"])
        if output.code != 0:
            raise self._copy.refusal(output)

    def bootstrap_branch(self, name: str, files: Files, message: str, at: datetime, author: Author) -> str:
        """Create the branch with exactly these files unless it exists; returns its tip either way. Overwrites nothing.

        In a local repository whose HEAD names nothing that exists, HEAD is pointed at it.
        """
        ref = f"refs/heads/{git_address.ref_name(name)}"
        tip = self.tip(ref)
        if tip is None:
            root = self.commit(parent=None, replace={"": files}, message=message, at=at, author=author)
            tip = self._create(ref, root).commit
        if self.address.path is not None and self.tip("HEAD") is None:
            self._copy.point_local_head_at(self.address.path, ref)
        return tip

    def bootstrap_default_branch(self, files: Files, message: str, at: datetime, author: Author) -> str:
        """Make HEAD resolve: create the branch that it names unless it exists. A server of the old protocol (OpenSSH without
        `AcceptEnv GIT_PROTOCOL`) does not say which: the usual names are tried then. Raises GitRefNotFound if neither is it.
        """
        if (head := self.tip("HEAD")) is not None:
            return head
        for name in dict.fromkeys((self.default_branch() or "main", "main", "master")):
            tip = self.bootstrap_branch(name, files, message, at, author)
            if self.tip("HEAD") is not None:
                return tip
        raise GitRefNotFound(
            f"main exists now, but HEAD of {self.address} names another branch, which does not.",
            "Make main the default branch on the server: `git symbolic-ref HEAD refs/heads/main`.",
        )

    # ---- the parts

    def _contents(self, commit: str, prefix: str) -> Iterator[tuple[Entry, bytes]]:
        return self._read(commit, self._entries(commit, prefix))

    def _entries(self, commit: str, prefix: str, *options: str) -> list[Entry]:
        paths = ("--", git_address.tree_path(prefix)) if prefix else ()
        arguments = ("ls-tree", "-r", "-l", "-z", "--full-tree", *options, commit, *paths)
        return parse_entries(self._copy.read(*arguments, needs=[git_address.full_id(commit)]).stdout)

    def _read(self, commit: str, entries: list[Entry]) -> Iterator[tuple[Entry, bytes]]:
        blobs = [entry for entry in entries if not entry.is_submodule]
        read = self._copy.blobs([entry.id for entry in blobs], needs=[commit])
        contents = dict(zip((entry.path for entry in blobs), read, strict=True))
        return ((entry, contents.get(entry.path, f"Subproject commit {entry.id}\n".encode())) for entry in entries)

    def _require(self, commit: str) -> None:
        if not self._copy.has(git_address.full_id(commit)):
            raise GitRefNotFound(
                f"The commit {commit[:12]} is not in the cache.", "Make it again; it gets the same id."
            )

    def _standing(self, ref: str, claim: str, expected: str | None) -> PushResult | None:
        """What speaks against the push, by one look at the remote."""
        refs = self._copy.remote_refs(ref, claim)
        if claim in refs:
            return Claimed(refs[claim])
        return Moved(refs.get(ref)) if refs.get(ref) != expected else None

    def _push(self, ref: str, claim: str, expected: str | None, commit: str) -> PushResult:
        leases = [f"--force-with-lease={ref}:{expected or ''}", f"--force-with-lease={claim}:"]
        names = [f"{commit}:{ref}", f"{commit}:{claim}"]
        try:
            output = self._copy.push(["--atomic", *leases, "--", self.address.url, *names])
        except GitUnreachable as lost:
            return self._standing_after(lost, ref, claim, expected)
        if output.code == 0:
            # "up to date": an equal push of our own overtook this one
            return Claimed(commit) if _is_up_to_date(output, claim) else Pushed(commit)
        return self._standing_after(self._copy.refusal(output), ref, claim, expected)

    def _standing_after(self, error: GitError, ref: str, claim: str, expected: str | None) -> PushResult:
        """What became of a push that failed. A claim says that one landed, a branch elsewhere that this one cannot any
        more; if neither is seen it may still land, and the error goes up."""
        try:
            standing = self._standing(ref, claim, expected)
        except GitError:
            raise error from None
        if standing is None:
            raise error
        return standing

    def _create(self, ref: str, commit: str) -> Pushed | Claimed:
        output = self._copy.push([f"--force-with-lease={ref}:", "--", self.address.url, f"{commit}:{ref}"])
        if output.code == 0:
            return Claimed(commit) if _is_up_to_date(output, ref) else Pushed(commit)
        holder = self.tip(ref)
        if holder is None:
            raise self._copy.refusal(output)
        return Claimed(holder)


def create_local_repository(path: Path) -> None:
    """Make an empty bare repository for development, unless there is something already."""
    GitCopy.create_local(path)


def _pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    for name, colon, value in (line.partition(":") for line in lines):
        if colon:
            yield name, value.strip()


def _claim_name(claim: str) -> str:
    """Claims live outside branches and tags, where no ordinary clone sees them."""
    name = git_address.ref_name(claim)
    if not name.startswith("refs/") or name.startswith(("refs/heads/", "refs/tags/")):
        raise GitUnsafe(f"{claim[:80]!r} cannot be a claim.", "Name it refs/panel/….")
    return name


def _is_up_to_date(output: Output, ref: str) -> bool:
    lines = output.stdout.decode(errors="replace").splitlines()
    return any(line.startswith("=") and f":{ref}\t" in line for line in lines)
