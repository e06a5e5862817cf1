"""The cache is worth nothing: whatever happens to it, the answer comes all the same."""

from __future__ import annotations

import fcntl
import os
import shutil
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controlpanel.clients.errors import GitError, GitRefNotFound, GitUnreachable
from controlpanel.clients.git import GitRepository, Pushed
from tests.clients.conftest import AT, AUTHOR, CLAIM, Git

FILES = {"backend": {"backend/one.yaml": b"1\n"}}


@pytest.fixture
def repository(bare: Path, tmp_path: Path) -> GitRepository:
    made = GitRepository(str(bare), tmp_path / "cache")
    made.bootstrap_default_branch({"README.md": b"What is deployed.\n"}, "Begin", AT, AUTHOR)
    made.fetch()
    return made


@pytest.fixture
def cache(repository: GitRepository, tmp_path: Path) -> Path:
    (found,) = (tmp_path / "cache").glob("*.git")
    return found


def _truncate_objects(cache: Path) -> None:
    for path in [*cache.glob("objects/??/*"), *cache.glob("objects/pack/*.pack")]:
        path.chmod(0o600)
        path.write_bytes(b"")


def _garble_objects(cache: Path) -> None:
    for path in [*cache.glob("objects/??/*"), *cache.glob("objects/pack/*.pack")]:
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-5] + b"12345")


def _files(cache: Path) -> list[Path]:
    """Loose objects that are files, not commits or directories."""
    return [path for path in cache.glob("objects/??/*") if zlib.decompress(path.read_bytes()).startswith(b"blob")]


def _truncate_files(cache: Path) -> None:
    for path in _files(cache):
        path.chmod(0o600)
        path.write_bytes(b"")


def _lose_files(cache: Path) -> None:
    for path in _files(cache):
        path.unlink()


def _put_a_directory_where_a_ref_was(cache: Path) -> None:
    (cache / "refs/heads/main").unlink()
    (cache / "refs/heads/main").mkdir()
    (cache / "refs/heads/main/x").touch()


def _put_a_file_in_its_place(cache: Path) -> None:
    shutil.rmtree(cache)
    cache.write_bytes(b"")


def _lock(name: str) -> Callable[[Path], None]:
    return lambda cache: (cache / f"{name}.lock").touch()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "gone": lambda cache: cache.rename(cache.with_name("away")),
    "no HEAD": lambda cache: (cache / "HEAD").rename(cache / "away"),
    "an empty HEAD": lambda cache: (cache / "HEAD").write_bytes(b""),
    "no objects": lambda cache: (cache / "objects").rename(cache / "away"),
    "objects of no length": _truncate_objects,
    "objects of other content": _garble_objects,
    "files of no length": _truncate_files,
    "files that are lost": _lose_files,
    "a broken ref": lambda cache: (cache / "refs/heads/main").write_bytes(b"garbage\n"),
    "a broken configuration": lambda cache: (cache / "config").write_bytes(b"[core\n"),
    "a directory where a ref was": _put_a_directory_where_a_ref_was,
    "a stale lock on a ref": _lock("refs/heads/main"),
    "a stale lock on the packed refs": _lock("packed-refs"),
    "a stale lock on the configuration": _lock("config"),
    "a stale lock on shallow": _lock("shallow"),
    "a half written pack": lambda cache: (cache / "objects/pack/tmp_pack_x").write_bytes(b"PACK"),
    "a file in its place": _put_a_file_in_its_place,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew(
    repository: GitRepository, cache: Path, foreign_commit: Callable[..., str], git: Git, damage: str
) -> None:
    old = repository.resolve("main")
    DAMAGES[damage](cache)
    new = foreign_commit("main", "new.txt")
    assert repository.resolve("main") == new
    assert repository.files(new, "README.md") == {"README.md": b"What is deployed.\n"}
    assert repository.is_ancestor(old, new)
    commit = repository.commit(parent=new, replace=FILES, message="m", at=AT, author=AUTHOR)
    assert repository.push(branch="main", expected=new, commit=commit, claim=CLAIM) == Pushed(commit)
    git("fsck", "--strict")


@pytest.mark.parametrize("damage", DAMAGES)
def test_reading_heals_the_cache_without_a_fetch_by_the_caller(
    repository: GitRepository, cache: Path, damage: str
) -> None:
    commit = repository.resolve("main")
    DAMAGES[damage](cache)
    assert repository.files(commit) == {"README.md": b"What is deployed.\n"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_commit_is_made_and_pushed_whole_from_a_damaged_cache(
    repository: GitRepository, cache: Path, bare: Path, tmp_path: Path, git: Git, damage: str
) -> None:
    parent = repository.resolve("main")
    DAMAGES[damage](cache)
    commit = repository.commit(parent=parent, replace=FILES, message="m", at=AT, author=AUTHOR)
    assert repository.push(branch="main", expected=parent, commit=commit, claim=CLAIM) == Pushed(commit)
    assert "backend/one.yaml" in GitRepository(str(bare), tmp_path / "other").files(commit)
    git("fsck", "--strict")


@pytest.mark.parametrize("damage", [_truncate_objects, _garble_objects, _truncate_files, _lose_files])
def test_a_cache_damaged_before_the_push_costs_one_more_try_at_most(
    repository: GitRepository, cache: Path, bare: Path, git: Git, damage: Callable[[Path], None]
) -> None:
    parent = repository.resolve("main")

    def commit() -> str:
        return repository.commit(parent=parent, replace=FILES, message="m", at=AT, author=AUTHOR)

    made = commit()
    damage(cache)
    try:
        outcome: object = repository.push(branch="main", expected=parent, commit=made, claim=CLAIM)
    except GitError:
        assert commit() == made
        outcome = repository.push(branch="main", expected=parent, commit=made, claim=CLAIM)
    assert outcome == Pushed(made)
    git("fsck", "--strict")


def test_a_fault_of_the_remote_does_not_cost_the_cache(repository: GitRepository, cache: Path, bare: Path) -> None:
    commit = repository.resolve("main")
    bare.rename(bare.with_name("away"))
    with pytest.raises(GitUnreachable):
        repository.fetch()
    with pytest.raises(GitUnreachable):
        repository.resolve("main")
    assert repository.files(commit) == {"README.md": b"What is deployed.\n"}


def test_asking_for_a_commit_that_is_not_there_does_not_cost_the_cache(repository: GitRepository, cache: Path) -> None:
    (cache / "kept").touch()
    with pytest.raises(GitRefNotFound):
        repository.resolve("f" * 40)
    assert (cache / "kept").exists()


def test_a_remote_that_is_gone_while_a_commit_is_asked_for_is_unreachable(
    repository: GitRepository, bare: Path
) -> None:
    bare.rename(bare.with_name("away"))
    with pytest.raises(GitUnreachable):
        repository.resolve("f" * 40)


def test_a_lock_that_a_killed_git_left_in_the_remote_is_named(repository: GitRepository, bare: Path) -> None:
    tip = repository.resolve("main")
    commit = repository.commit(parent=tip, replace=FILES, message="m", at=AT, author=AUTHOR)
    lock = bare / "refs/heads/main.lock"
    lock.touch()
    with pytest.raises(GitUnreachable, match=r"main\.lock"):
        repository.push(branch="main", expected=tip, commit=commit, claim=CLAIM)
    lock.unlink()
    assert repository.push(branch="main", expected=tip, commit=commit, claim=CLAIM) == Pushed(commit)


def test_git_that_is_not_installed_is_said(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git cannot be started") as missing:
        GitRepository(str(bare), tmp_path / "cache").fetch()
    assert "2.39" in missing.value.remedy


def test_a_cache_directory_that_vanishes_is_made_again(repository: GitRepository, tmp_path: Path) -> None:
    commit = repository.resolve("main")
    shutil.rmtree(tmp_path / "cache")
    assert repository.files(commit) == {"README.md": b"What is deployed.\n"}
    assert list((tmp_path / "cache").glob("*.config"))


def test_many_threads_share_one_cache(repository: GitRepository, cache: Path, bare: Path, tmp_path: Path) -> None:
    commit = repository.resolve("main")

    def work(number: int) -> bool:
        own = repository if number % 2 else GitRepository(str(bare), tmp_path / "cache")
        if number % 5 == 0:
            own.fetch()
        if number % 7 == 0:
            (cache / "refs" / "heads" / f"left-{number}.lock").touch()
        made = own.commit(parent=commit, replace=FILES, message=str(number), at=AT, author=AUTHOR)
        return own.files(commit) == {"README.md": b"What is deployed.\n"} and bool(made)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(work, range(24)))


def test_a_cache_held_by_a_stopped_process_is_an_error_in_time(
    bare: Path, tmp_path: Path, repository: GitRepository, cache: Path
) -> None:
    hurried = GitRepository(str(bare), tmp_path / "cache", timeout=0.2)
    descriptor = os.open(next((tmp_path / "cache").glob("*.in-use")), os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(GitError, match="in use"):
            hurried.fetch()
    finally:
        os.close(descriptor)


def test_two_addresses_have_two_caches(bare: Path, tmp_path: Path, repository: GitRepository) -> None:
    GitRepository(f"file://{bare}", tmp_path / "cache").fetch()
    assert len(list((tmp_path / "cache").glob("*.git"))) == 2
