"""Commands on the disposable copy of a repository and on its remote. A copy that fails is wiped, fetched again and asked
once more; only then is it an error."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from controlpanel.clients.errors import ClientError, GitError, GitRefNotFound
from controlpanel.clients.git_access import GitCredentials
from controlpanel.clients.git_address import Address, full_id
from controlpanel.clients.git_cache import GitCache
from controlpanel.clients.git_command import GitCommand, Output, write_configuration
from controlpanel.clients.git_tree import parse_blobs

Result = TypeVar("Result")
_MIRRORED = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_ANY_CODE = range(-64, 256)
_MOST_HELD = 1_000


class _Broken(Exception):
    """A command that needs no network failed: the copy is not whole. Holds the error to raise if a new one fails too."""

    def __init__(self, error: GitError) -> None:
        super().__init__(str(error))
        self.error = error


class GitCopy:
    """The copy of one remote below `root`."""

    def __init__(self, address: Address, root: Path, credentials: GitCredentials | None, timeout: float) -> None:
        self.address = address
        self._cache = GitCache(root, address, timeout)
        self._git = GitCommand(address, self._cache.configuration, credentials, timeout)
        self._held: set[str] = (
            set()
        )  # commits that were there; if the copy was wiped since, reading fails and renews it

    # ---- the remote

    def remote_refs(self, *names: str) -> dict[str, str]:
        """The commits that these whole ref names name on the remote now; a tag object's commit is under `<name>^{}`."""
        asked = [*names, *(f"{name}^{{}}" for name in names if name.startswith("refs/tags/"))]
        with self._cache.reading() as lock:
            listed = self._run(lock, ["ls-remote", "--quiet", "--end-of-options", self.address.url, *asked])
        lines = (line.split("\t", 1) for line in listed.stdout.decode(errors="replace").splitlines() if "\t" in line)
        found = {ref: commit for commit, ref in lines}
        # the server matches names from their end: refs/x/refs/heads/main is not what was asked for
        return {name: found[name] for name in asked if name in found}

    def default_branch(self) -> str | None:
        """The branch that the remote's HEAD names, even while it does not exist yet. Only a clone can tell the latter."""
        if (known := self._named_by_head()) is not None:
            return known
        probe = self._cache.directory.with_suffix(f".{os.urandom(4).hex()}.probe")
        with self._cache.writing() as lock:
            try:
                self._run(lock, ["clone", "--quiet", "--bare", "--depth=1", "--", self.address.url, str(probe)])
                head = self._run(lock, [f"--git-dir={probe}", "symbolic-ref", "-q", "HEAD"], allowed=(0, 1))
            finally:
                shutil.rmtree(probe, ignore_errors=True)
        return head.stdout.decode().strip().removeprefix("refs/heads/") or None

    def _named_by_head(self) -> str | None:
        asked = ["ls-remote", "--quiet", "--symref", "--end-of-options", self.address.url, "HEAD"]
        with self._cache.reading() as lock:
            lines = self._run(lock, asked).stdout.decode(errors="replace").splitlines()
        names = (line.split()[1] for line in lines if line.startswith("ref: refs/heads/"))
        return next((name.removeprefix("refs/heads/") for name in names), None)

    def push(self, arguments: Sequence[str]) -> Output:
        """Push from the copy; code 1 means that refs were refused."""
        options = ["--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no"]
        with self._cache.reading() as lock:
            output = self._run(lock, [self._directory, "push", *options, *arguments], allowed=_ANY_CODE)
        if output.code not in (0, 1):
            raise self.refusal(output)
        return output

    def refusal(self, output: Output) -> GitError:
        """The error for a push that failed for no reason that the leases explain. A fault of the copy costs the copy:
        the caller makes its commit again, with the same id, in a new one."""
        error = self._git.error(output, "push")
        if type(error) is GitError:
            with self._cache.writing():
                self._cache.wipe()
        return error

    def fetch(self, *refspecs: str) -> None:
        """Bring branches and tags (or just these) up to date, in a new copy if the old one does not let it."""
        with self._cache.writing() as lock:
            self._prepare(lock)
            try:
                self._fetch(lock, refspecs or _MIRRORED)
            except GitError as error:
                if type(error) is not GitError:
                    raise
                self._cache.wipe()
                self._prepare(lock)
                self._fetch(lock, refspecs or _MIRRORED)

    def point_local_head_at(self, path: Path, ref: str) -> None:
        """Set what HEAD names in the local repository at `path`."""
        inner = path / ".git"
        directory = inner if inner.is_dir() else path
        with self._cache.reading() as lock:
            self._run(lock, [f"--git-dir={directory}", "symbolic-ref", "HEAD", ref])

    @staticmethod
    def create_local(path: Path) -> None:
        """Make an empty bare repository at `path` unless something is there."""
        path = path.absolute()
        if path.exists() and any(path.iterdir()):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        configuration = path.with_name(f".{path.name}.config")
        try:
            write_configuration(configuration, (path,))
            initial = ["init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(path)]
            GitCommand(Address(str(path), "file", path), configuration, None, 20).run(initial)
        finally:
            configuration.unlink(missing_ok=True)

    # ---- the copy

    def has(self, commit: str) -> bool:
        """Whether the copy holds the commit; asks no remote."""
        with self._cache.reading() as lock:
            return self._cache.exists() and self._present(lock, full_id(commit))

    def ensured(self, commit: str) -> str:
        """Make sure that the copy holds the commit, fetching if need be; returns it."""
        if self.has(commit):
            return commit
        self.fetch()
        if not self.has(commit):
            self._fetch_alone(commit)
        return commit

    def read(self, *arguments: str, needs: Sequence[str], allowed: Collection[int] = (0,)) -> Output:
        """Run a command that reads the copy and the commits `needs`."""
        return self._healed(lambda: self._read(arguments, b"", allowed), needs)

    def blobs(self, ids: Sequence[str], *, needs: Sequence[str]) -> list[bytes]:
        """The contents of these files of the commits `needs`, in the same order."""
        wanted = "".join(f"{blob}\n" for blob in ids).encode()

        def read() -> list[bytes]:
            batch = self._read(("cat-file", "--batch"), wanted, (0,))
            try:
                return list(parse_blobs(batch.stdout, len(ids)))
            except GitError as error:
                raise _Broken(error) from None

        return self._healed(read, needs)

    def write(self, *arguments: str, needs: Sequence[str], stdin: bytes) -> Output:
        """Run a command that writes objects into the copy, alone."""
        return self._healed(lambda: self._write(arguments, stdin), needs)

    def _healed(self, attempt: Callable[[], Result], needs: Sequence[str]) -> Result:
        """Attempt it with the commits at hand, and once more in a new copy if the old one is broken."""
        for commit in needs:
            if commit not in self._held:
                self.ensured(commit)
        self._held = {*needs} if len(self._held) > _MOST_HELD else self._held | {*needs}
        try:
            return attempt()
        except _Broken:
            self._held = set()
            self._renew(needs)
        try:
            return attempt()
        except _Broken as broken:
            raise broken.error from None

    @property
    def _directory(self) -> str:
        return f"--git-dir={self._cache.directory}"

    def _read(self, arguments: Sequence[str], stdin: bytes, allowed: Collection[int]) -> Output:
        with self._cache.reading() as lock:
            return self._local(lock, arguments, stdin, allowed)

    def _write(self, arguments: Sequence[str], stdin: bytes) -> Output:
        with self._cache.writing() as lock:
            self._prepare(lock)
            return self._local(lock, arguments, stdin, (0,))

    def _local(self, lock: int, arguments: Sequence[str], stdin: bytes, allowed: Collection[int]) -> Output:
        output = self._run(lock, [self._directory, *arguments], stdin=stdin, allowed=_ANY_CODE)
        if output.code not in allowed:
            raise _Broken(self._git.error(output, arguments[0]))
        return output

    def _present(self, lock: int, commit: str) -> bool:
        probe = ["cat-file", "-e", f"{commit}^{{commit}}"]
        return self._run(lock, [self._directory, *probe], allowed=_ANY_CODE).code == 0

    def _fetch(self, lock: int, refspecs: Sequence[str]) -> None:
        options = ["--quiet", "--prune", "--force", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        self._run(lock, [self._directory, "fetch", *options, "--", self.address.url, *refspecs])

    def _fetch_alone(self, commit: str) -> None:
        """A commit that no branch or tag holds any more; many servers give it all the same."""
        try:
            self.fetch(f"{commit}:refs/scratch/{commit}")
            found = self.has(commit)
        except GitRefNotFound:
            found = False
        if not found:
            raise GitRefNotFound(f"{self.address} has no commit {commit[:12]}.", "Push it, or choose another one.")

    def _renew(self, needs: Sequence[str]) -> None:
        with self._cache.writing():
            self._cache.wipe()
        for commit in needs:
            self.ensured(commit)

    def _prepare(self, lock: int) -> None:
        """Make an empty copy where there is none. Only while writing."""
        if self._cache.exists():
            return
        self._cache.wipe()
        initial = ["init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(self._cache.directory)]
        try:
            self._run(lock, initial)
        except ClientError:
            self._cache.wipe()
            raise

    def _run(
        self, lock: int, arguments: Sequence[str], *, stdin: bytes = b"", allowed: Collection[int] = (0,)
    ) -> Output:
        """Run git, which reads our configuration and none else, and holds our lock as long as it lives."""
        if not self._cache.configuration.is_file():
            local = (self.address.path,) if self.address.path else ()
            # upload-pack names the directory that it found: a working copy's .git is as good as the copy
            inner = (self.address.path / ".git",) if self.address.path else ()
            write_configuration(self._cache.configuration, (self._cache.directory, *local, *inner))
        return self._git.run(arguments, stdin=stdin, allowed=allowed, keep=(lock,))
