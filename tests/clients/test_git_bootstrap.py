"""The branches without which Argo CD refuses a repository, made once and never overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from controlpanel.clients.errors import GitRefNotFound
from controlpanel.clients.git import GitRepository, create_local_repository
from tests.clients.conftest import AT, AUTHOR, Git
from tests.clients.git_http_server import GitHTTPServer

FILES = {"README.md": b"What is deployed.\n", "docs/why.md": b"Because.\n"}


def test_the_default_branch_takes_the_name_that_head_has(bare: Path, tmp_path: Path, git: Git) -> None:
    git("symbolic-ref", "HEAD", "refs/heads/trunk")
    repository = GitRepository(str(bare), tmp_path / "cache")
    assert repository.default_branch() == "trunk"
    commit = repository.bootstrap_default_branch(FILES, "Begin", AT, AUTHOR)
    assert repository.tip("HEAD") == repository.tip("trunk") == commit
    assert repository.default_branch() == "trunk"
    assert repository.files(commit) == FILES


def test_over_http_it_takes_the_name_that_head_has_too(http_server: GitHTTPServer, tmp_path: Path, git: Git) -> None:
    git("symbolic-ref", "HEAD", "refs/heads/trunk")
    repository = GitRepository(http_server.url("deploy.git"), tmp_path / "cache")
    assert repository.default_branch() == "trunk"
    assert repository.bootstrap_default_branch(FILES, "Begin", AT, AUTHOR) == repository.tip("HEAD")


@pytest.mark.parametrize("name", ["main", "master"])
def test_a_server_of_the_old_protocol_does_not_say_which_branch_head_names(
    http_server: GitHTTPServer, tmp_path: Path, git: Git, name: str
) -> None:
    http_server.speaks_version_2 = False
    git("symbolic-ref", "HEAD", f"refs/heads/{name}")
    repository = GitRepository(http_server.url("deploy.git"), tmp_path / "cache")
    assert repository.bootstrap_default_branch(FILES, "Begin", AT, AUTHOR) == repository.tip("HEAD")
    assert repository.tip("HEAD") == repository.tip(name)


def test_a_head_that_nobody_can_guess_is_an_error_that_says_what_to_do(
    http_server: GitHTTPServer, tmp_path: Path, git: Git
) -> None:
    http_server.speaks_version_2 = False
    git("symbolic-ref", "HEAD", "refs/heads/trunk")
    repository = GitRepository(http_server.url("deploy.git"), tmp_path / "cache")
    with pytest.raises(GitRefNotFound, match=r"HEAD of .* names another branch, .*symbolic-ref HEAD refs/heads/main"):
        repository.bootstrap_default_branch(FILES, "Begin", AT, AUTHOR)


def test_doing_it_again_changes_nothing(
    repository: GitRepository, foreign_commit: Callable[..., str], git: Git
) -> None:
    repository.bootstrap_branch("env/staging", FILES, "Begin", AT, AUTHOR)
    theirs = foreign_commit("env/staging", "theirs.txt")
    before = git("for-each-ref")
    assert repository.bootstrap_branch("env/staging", {}, "Again", AT, AUTHOR) == theirs
    assert repository.bootstrap_default_branch({}, "Again", AT, AUTHOR) == repository.tip("main")
    assert git("for-each-ref") == before


def test_a_local_head_that_names_nothing_is_pointed_at_the_branch(bare: Path, tmp_path: Path) -> None:
    repository = GitRepository(str(bare), tmp_path / "cache")
    commit = repository.bootstrap_branch("env/staging", FILES, "Begin", AT, AUTHOR)
    assert repository.tip("HEAD") == commit


def test_a_local_repository_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deploy.git"
    create_local_repository(path)
    commit = GitRepository(str(path), tmp_path / "cache").bootstrap_default_branch(FILES, "Begin", AT, AUTHOR)
    create_local_repository(path)
    assert GitRepository(str(path), tmp_path / "cache").tip("main") == commit
    assert not list((path.parent).glob(".*"))
