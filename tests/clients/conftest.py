"""Real repositories for the tests of the Git client: a local bare one, and the same over smart HTTP."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlpanel.clients.git import Author, GitRepository, create_local_repository
from tests.clients.git_http_server import GitHTTPServer

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AUTHOR = Author("Control Panel", "panel@example.test")
CLAIM = "refs/panel/promotions/0198c0de-0000-7000-8000-000000000001/1"

Git = Callable[..., str]


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty bare repository to be copied."""
    path = tmp_path_factory.mktemp("empty") / "deploy.git"
    create_local_repository(path)
    return path


@pytest.fixture(scope="session")
def begun(empty: Path) -> Path:
    """The same with a default branch."""
    path = empty.parent.with_name(f"{empty.parent.name}-begun") / "deploy.git"
    shutil.copytree(empty, path)
    made = GitRepository(str(path), path.parent / "cache")
    made.bootstrap_default_branch({"README.md": b"What is deployed.\n"}, "Begin", AT, AUTHOR)
    return path


@pytest.fixture
def bare(tmp_path: Path, empty: Path) -> Path:
    """An empty bare repository."""
    path = tmp_path / "remote" / "deploy.git"
    shutil.copytree(empty, path)
    return path


@pytest.fixture
def http_server(bare: Path) -> Iterator[GitHTTPServer]:
    with GitHTTPServer(bare.parent) as server:
        yield server


@pytest.fixture(params=["path", "http"])
def repository(request: pytest.FixtureRequest, bare: Path, begun: Path, tmp_path: Path) -> GitRepository:
    """The panel's view of the repository, once by path and once over smart HTTP; its default branch exists."""
    shutil.copytree(begun, bare, dirs_exist_ok=True)
    url = str(bare) if request.param == "path" else request.getfixturevalue("http_server").url("deploy.git")
    return GitRepository(url, tmp_path / "cache")


@pytest.fixture
def git(bare: Path, tmp_path: Path) -> Git:
    """Runs plain git on the bare repository, as someone else would."""

    def run(*arguments: str, stdin: bytes = b"", check: bool = True) -> str:
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "GIT_AUTHOR_NAME": "Someone",
            "GIT_AUTHOR_EMAIL": "someone@example.test",
            "GIT_COMMITTER_NAME": "Someone",
            "GIT_COMMITTER_EMAIL": "someone@example.test",
        }
        command = ["git", f"--git-dir={bare}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, env=environment, check=check)
        return done.stdout.decode().strip()

    return run


@pytest.fixture
def foreign_commit(git: Git) -> Callable[..., str]:
    """Adds a file to a branch behind the panel's back; returns the new tip. It overwrites nobody: not even a push of a
    writer that was killed, which the server may still be taking."""

    def add(branch: str, path: str, content: bytes = b"foreign\n", mode: str = "100644") -> str:
        blob, ref = git("hash-object", "-w", "--stdin", stdin=content), f"refs/heads/{branch}"
        assert "/" not in path, "foreign files lie at the root"
        while True:
            tip = git("rev-parse", "--verify", "-q", ref, check=False)
            listing = git("ls-tree", tip) if tip else ""
            tree = git("mktree", stdin=f"{listing}\n{mode} blob {blob}\t{path}\n".lstrip("\n").encode())
            commit = git("commit-tree", tree, *(("-p", tip) if tip else ()), "-m", f"Add {path}")
            git("update-ref", ref, commit, tip or "0" * 40, check=False)
            if commit in git("rev-list", ref, check=False).split():
                return commit

    return add
