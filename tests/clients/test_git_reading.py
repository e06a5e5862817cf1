"""Reading a repository: names, trees, ancestry and export, over a path and over smart HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from controlpanel.clients.errors import GitRefNotFound, GitUnsafe
from controlpanel.clients.git import GitRepository
from tests.clients.conftest import AT, AUTHOR, Git

FILES = {"backend": {"backend/a/One.yaml": b"1\n", "backend/a/Two.yaml": b"2\n"}, "ai": {"ai/Three.yaml": b"3\n"}}


@pytest.fixture
def commit(repository: GitRepository) -> str:
    parent = repository.resolve("main")
    return repository.commit(parent=parent, replace=FILES, message="Three files", at=AT, author=AUTHOR)


def test_a_tree_reads_as_its_files_by_whole_path(repository: GitRepository, commit: str) -> None:
    assert repository.files(commit) == {"README.md": b"What is deployed.\n", **FILES["backend"], **FILES["ai"]}


def test_a_prefix_reads_only_what_lies_below_it(repository: GitRepository, commit: str) -> None:
    assert repository.files(commit, "backend") == FILES["backend"]
    assert repository.files(commit, "back") == {}


def test_a_prefix_may_be_one_file(repository: GitRepository, commit: str) -> None:
    assert repository.files(commit, "ai/Three.yaml") == {"ai/Three.yaml": b"3\n"}


def test_a_prefix_with_wildcards_is_taken_literally(repository: GitRepository, commit: str) -> None:
    assert repository.files(commit, "*") == {}


def test_names_are_asked_of_the_remote_each_time(repository: GitRepository, foreign_commit: Callable[..., str]) -> None:
    before = repository.resolve("main")
    after = foreign_commit("main", "new.txt")
    assert before != after
    assert repository.resolve("main") == after


def test_an_annotated_tag_resolves_to_its_commit(repository: GitRepository, git: Git) -> None:
    git("tag", "-a", "v1", "-m", "one", "main")
    assert repository.resolve("v1") == git("rev-parse", "main") != git("rev-parse", "v1")


def test_head_resolves_to_the_default_branch(repository: GitRepository) -> None:
    assert repository.resolve("HEAD") == repository.tip("main") == repository.tip("HEAD")


def test_a_commit_that_no_branch_holds_any_more_is_fetched_by_its_id(
    repository: GitRepository, git: Git, foreign_commit: Callable[..., str]
) -> None:
    lost = foreign_commit("gone", "x")
    git("config", "uploadpack.allowAnySHA1InWant", "true")
    git("update-ref", "-d", "refs/heads/gone")
    assert "x" in repository.files(lost)


@pytest.mark.parametrize("revision", ["absent", "f" * 40])
def test_what_is_not_there_is_not_found(repository: GitRepository, revision: str) -> None:
    with pytest.raises(GitRefNotFound, match=revision[:12]):
        repository.resolve(revision)


@pytest.mark.parametrize(
    "revision",
    [
        "--upload-pack=touch /tmp/x",
        "-x",
        "main..env",
        "main@{1}",
        "a b",
        "HEAD^",
        "x:y",
        "a//b",
        ".hidden",
        "x.lock",
        "",
    ],
)
def test_a_revision_that_is_no_plain_name_is_refused(repository: GitRepository, revision: str) -> None:
    with pytest.raises(GitUnsafe):
        repository.resolve(revision)


def test_a_name_that_only_ends_like_the_branch_is_another_one(repository: GitRepository, git: Git) -> None:
    git("update-ref", "refs/panel/refs/heads/env/x", "main")
    assert repository.tip("env/x") is None


def test_ancestry_is_told_in_both_directions(repository: GitRepository, commit: str) -> None:
    parent = repository.resolve("main")
    assert repository.is_ancestor(parent, commit)
    assert repository.is_ancestor(commit, commit)
    assert not repository.is_ancestor(commit, parent)


def test_changed_paths_and_subtrees_tell_what_a_commit_touched(repository: GitRepository, commit: str) -> None:
    later = repository.commit(
        parent=commit, replace={"ai": {"ai/Three.yaml": b"4\n"}}, message="m", at=AT, author=AUTHOR
    )
    assert repository.changed_paths(commit, later) == ("ai/Three.yaml",)
    assert repository.changed_paths(commit, later, "backend") == ()
    assert repository.subtree(commit, "backend") == repository.subtree(later, "backend")
    assert repository.subtree(commit, "ai") != repository.subtree(later, "ai")
    assert repository.subtree(commit, "absent") is None


def test_an_export_writes_the_tree(repository: GitRepository, commit: str, tmp_path: Path) -> None:
    repository.export(commit, tmp_path / "out")
    assert (tmp_path / "out/backend/a/One.yaml").read_bytes() == b"1\n"
    with pytest.raises(GitUnsafe, match="not empty"):
        repository.export(commit, tmp_path / "out")


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "README.md/../../x", ".."])
def test_a_symbolic_link_that_leaves_the_tree_is_refused(
    repository: GitRepository, foreign_commit: Callable[..., str], tmp_path: Path, target: str
) -> None:
    commit = foreign_commit("main", "link", target.encode(), mode="120000")
    with pytest.raises(GitUnsafe, match="link"):
        repository.export(commit, tmp_path / "out")
    assert not (tmp_path / "out/link").is_symlink()


def test_a_symbolic_link_through_another_one_cannot_leave_either(
    repository: GitRepository, foreign_commit: Callable[..., str], git: Git, tmp_path: Path
) -> None:
    inner = git("mktree", stdin=b"120000 blob " + git("hash-object", "-w", "--stdin", stdin=b"..").encode() + b"\tup\n")
    escape = git("hash-object", "-w", "--stdin", stdin=b"d/up/../outside")
    tree = git("mktree", stdin=f"040000 tree {inner}\td\n120000 blob {escape}\te\n".encode())
    commit = git("commit-tree", tree, "-m", "links")
    git("update-ref", "refs/heads/links", commit)
    with pytest.raises(GitUnsafe, match="'e'"):
        repository.export(commit, tmp_path / "out")


def test_a_symbolic_link_inside_the_tree_is_kept(
    repository: GitRepository, foreign_commit: Callable[..., str], tmp_path: Path
) -> None:
    commit = foreign_commit("main", "link", b"README.md", mode="120000")
    repository.export(commit, tmp_path / "out")
    assert (tmp_path / "out/link").read_bytes() == b"What is deployed.\n"
    assert repository.files(commit, "link") == {"link": b"README.md"}


def test_attributes_in_the_tree_change_nothing(
    repository: GitRepository, foreign_commit: Callable[..., str], tmp_path: Path
) -> None:
    foreign_commit("main", ".gitattributes", b"* export-ignore ident filter=lfs text eol=crlf\n")
    commit = foreign_commit("main", "a.txt", b"$Id$\nline\n")
    repository.export(commit, tmp_path / "out")
    assert (tmp_path / "out/a.txt").read_bytes() == b"$Id$\nline\n"
