"""Real Git repositories, read through the git command line into one bare cache for each address."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import subprocess
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FULL_SHA = re.compile(r"[0-9a-f]{40}")
GIT_PROCESSES = 4
GIT_SECONDS = 60
CACHED_COMMITS = 64


class RepositoryError(Exception):
    """What git or the repository server would say, in Argo CD's words."""


def git_environment() -> dict[str, str]:
    """The environment of git: nothing of the user's configuration, never a question on the terminal."""
    own = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C",
           "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}  # fmt: skip
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": os.devnull} | own


def run_git(arguments: Sequence[str], stdin: bytes | None) -> bytes:
    """What git prints; RepositoryError with its words when it fails or takes longer than GIT_SECONDS."""
    try:
        child = subprocess.run(
            ["git", *arguments], input=stdin or b"",
            capture_output=True, env=git_environment(), timeout=GIT_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RepositoryError(f"`git {arguments[0]}` failed timeout after {GIT_SECONDS}s") from error
    if child.returncode:
        raise RepositoryError(" ".join(child.stderr.decode("utf-8", "replace").split()))
    return child.stdout


class Repository:
    """One address. Commits and files are cached; branches are asked of the remote each time."""

    def __init__(self, url: str, cache: Path, threads: ThreadPoolExecutor) -> None:
        self.url = url
        self.directory = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:20]}.git"
        self._threads = threads
        self._lock = asyncio.Lock()
        self._refs: dict[str, str] = {}
        self._refs_asked = float("-inf")
        self._listings: OrderedDict[str, dict[str, str]] = OrderedDict()

    async def _git(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._threads, run_git, arguments, stdin)

    async def _bare(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        return await self._git("--git-dir", str(self.directory), *arguments, stdin=stdin)

    async def refs(self) -> dict[str, str]:
        """Every ref of the remote now, HEAD included. Callers that wait together share one request."""
        asked = asyncio.get_running_loop().time()
        async with self._lock:
            if self._refs_asked >= asked:
                return self._refs  # asked by someone else after this caller came
            self._refs_asked = asyncio.get_running_loop().time()
            lines = (await self._git("ls-remote", "--", self.url)).decode().splitlines()
            self._refs = {name: commit for commit, _, name in (line.partition("\t") for line in lines)}
            return self._refs

    async def resolve(self, revision: str) -> str:
        """The full commit of a branch, tag, HEAD or full SHA (which is not looked up)."""
        wanted = revision or "HEAD"
        if FULL_SHA.fullmatch(wanted):
            return wanted
        refs = await self.refs()
        for name in (wanted, f"refs/heads/{wanted}", f"refs/tags/{wanted}^{{}}", f"refs/tags/{wanted}"):
            if name in refs:
                return refs[name]
        short = {commit for commit in refs.values() if len(wanted) >= 7 and commit.startswith(wanted)}
        if len(short) == 1:
            return short.pop()
        raise RepositoryError(f"unable to resolve '{wanted}' to a commit SHA: revision not found")

    async def _has(self, commit: str) -> bool:
        try:
            await self._bare("cat-file", "-e", f"{commit}^{{commit}}")
        except RepositoryError:
            return False
        return True

    async def _fetch(self, commit: str) -> None:
        if not self.directory.exists():
            await self._git("init", "--quiet", "--bare", str(self.directory))
        if await self._has(commit):
            return
        await self._bare("fetch", "--quiet", "--prune", "--force", self.url, "+refs/heads/*:refs/heads/*")
        if await self._has(commit):
            return
        await self._bare("fetch", "--quiet", self.url, commit)

    async def _listing(self, commit: str) -> dict[str, str]:
        async with self._lock:
            if commit not in self._listings:
                await self._fetch(commit)
                raw = (await self._bare("ls-tree", "-r", "-z", "--full-tree", commit)).decode(
                    "utf-8", "surrogateescape"
                )
                rows = (row.partition("\t") for row in raw.split("\0") if row)
                self._listings[commit] = {path: head.split()[2] for head, _, path in rows if head.startswith("100")}
            self._listings.move_to_end(commit)
            while len(self._listings) > CACHED_COMMITS:
                self._listings.popitem(last=False)
            return self._listings[commit]

    async def blobs(self, commit: str, path: str) -> dict[str, str]:
        """Path (relative to `path`) to blob id of every file below it. Empty when there is no such directory."""
        prefix = "" if path.strip("/.") == "" else path.strip("/") + "/"
        listing = await self._listing(commit)
        return {name[len(prefix) :]: blob for name, blob in listing.items() if name.startswith(prefix)}

    async def contents(self, blobs: Sequence[str]) -> list[bytes]:
        """The bytes of these blobs, in order, by one git process."""
        if not blobs:
            return []
        output = await self._bare("cat-file", "--batch", stdin="\n".join(blobs).encode() + b"\n")
        found, position = [], 0
        for _ in blobs:
            end = output.index(b"\n", position)
            size = int(output[position:end].split()[2])
            found.append(output[end + 1 : end + 1 + size])
            position = end + 2 + size
        return found

    async def metadata(self, commit: str) -> tuple[str, str, str, list[str]]:
        """Author, committer time in epoch seconds, message and tags of a commit."""
        async with self._lock:
            await self._fetch(commit)
        raw = (await self._bare("show", "-s", "--format=%an <%ae>%x00%ct%x00%B", commit)).decode("utf-8", "replace")
        author, seconds, message = raw.split("\0", 2)
        tags = [name.removeprefix("refs/tags/").removesuffix("^{}") for name, sha in self._refs.items()
                if sha == commit and name.startswith("refs/tags/")]  # fmt: skip
        return author, seconds, message.strip(), sorted(set(tags))


class Repositories:
    """All addresses, sharing one cache directory and a few git processes at a time."""

    def __init__(self, cache: Path) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        self.cache = cache
        self._threads = ThreadPoolExecutor(GIT_PROCESSES, "git")
        self._known: dict[str, Repository] = {}

    def at(self, url: str) -> Repository:
        """The repository at this address (a path or a URL); nothing is read yet."""
        if url not in self._known:
            self._known[url] = Repository(url, self.cache, self._threads)
        return self._known[url]

    def close(self) -> None:
        """Wait for the git processes that run; no others start."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def check(self, url: str) -> None:
        """Refuse, in Argo CD's words, a repository that cannot be reached or whose HEAD does not resolve."""
        try:
            refs = await self.at(url).refs()
            reason = "" if "HEAD" in refs else "unable to resolve 'HEAD' to a commit SHA: revision not found"
        except RepositoryError as error:
            reason = f"failed to list refs: {error}"
        if reason:
            shown = f'&Repository{{Repo: "{url}", Type: "", Name: "", Project: ""}}'
            raise RepositoryError(
                f"repository not accessible: repositories not accessible: {shown}: repo client error while testing "
                "repository: rpc error: code = Unknown desc = error testing repository connectivity: "
                f"unable to ls-remote HEAD on repository: {reason}"
            )
