"""A commit depends on its inputs alone and changes only what it was told to."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlpanel.clients.errors import GitUnsafe
from controlpanel.clients.git import Author, GitRepository, create_local_repository
from controlpanel.clients.git_address import tree_path
from tests.clients.conftest import AT, AUTHOR, Git


def make(repository: GitRepository, **changes: object) -> str:
    arguments = {
        "parent": repository.tip("main"),
        "replace": {"backend": {"backend/Deployment-api.yaml": b"kind: Deployment\n"}},
        "message": "Promote 1.2.3\n\nPromotion-Id: 7",
        "at": AT,
        "author": AUTHOR,
    }
    return repository.commit(**(arguments | changes))  # type: ignore[arg-type]


def _object_id(kind: str, content: bytes) -> str:
    """Git's own rule, written out once more."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def test_the_id_of_a_commit_can_be_reckoned_without_git(repository: GitRepository) -> None:
    blob = _object_id("blob", b"What is deployed.\n")
    tree = _object_id("tree", b"100644 README.md\0" + bytes.fromhex(blob))
    signature = f"Control Panel <panel@example.test> {int(AT.timestamp())} +0000"
    commit = f"tree {tree}\nauthor {signature}\ncommitter {signature}\n\nBegin\n"
    assert repository.tip("main") == _object_id("commit", commit.encode())


def test_the_same_inputs_give_the_same_commit_in_another_cache(repository: GitRepository, tmp_path: Path) -> None:
    other = GitRepository(repository.address.url, tmp_path / "other")
    assert make(repository) == make(other) == make(repository)


def test_a_first_commit_made_twice_is_the_same(repository: GitRepository) -> None:
    assert make(repository, parent=None) == make(repository, parent=None)


def test_the_same_moment_in_another_zone_is_the_same_commit(repository: GitRepository) -> None:
    assert make(repository) == make(repository, at=AT.astimezone(timezone(timedelta(hours=5))))


@pytest.mark.parametrize(
    "change",
    [
        {"message": "Promote 1.2.4"},
        {"at": AT + timedelta(seconds=1)},
        {"author": Author("Other", "panel@example.test")},
        {"replace": {"backend": {"backend/Deployment-api.yaml": b"kind: Deployment \n"}}},
        {"replace": {"backend": {"backend/deployment-api.yaml": b"kind: Deployment\n"}}},
        {"parent": None},
    ],
)
def test_every_input_counts(repository: GitRepository, change: dict[str, object]) -> None:
    assert make(repository) != make(repository, **change)


def test_only_the_named_directories_change(repository: GitRepository, foreign_commit: Callable[..., str]) -> None:
    tip = foreign_commit("main", "theirs.txt")
    first = make(repository, parent=tip, replace={"a": {"a/1": b"1", "a/2": b"2"}, "b": {"b/1": b"1"}})
    second = make(repository, parent=first, replace={"a": {"a/3": b"3"}})
    assert repository.files(second) == {
        "README.md": b"What is deployed.\n", "theirs.txt": b"foreign\n", "a/3": b"3", "b/1": b"1",
    }  # fmt: skip


def test_an_empty_directory_is_removed(repository: GitRepository) -> None:
    first = make(repository, replace={"a": {"a/1": b"1"}})
    assert "a/1" not in repository.files(make(repository, parent=first, replace={"a": {}}))


def test_equal_files_still_make_a_commit(repository: GitRepository) -> None:
    first = make(repository)
    second = make(repository, parent=first, message="Again")
    assert second != first
    assert repository.changed_paths(first, second) == ()


def test_the_message_is_kept_with_its_trailers(repository: GitRepository, git: Git) -> None:
    commit = make(repository, message="Größe\n\nbody\n\nPromotion-Id: 7\nRelease: 1.2.3\n\n")
    assert repository.message(commit) == "Größe\n\nbody\n\nPromotion-Id: 7\nRelease: 1.2.3\n"


def test_a_name_cannot_forge_the_signature(repository: GitRepository) -> None:
    commit = make(repository, author=Author("Eve <eve@x> 1 +0000\nparent x", "a>\n@b"))
    assert repository.resolve(commit) == commit


@pytest.mark.parametrize(
    ("replace", "about"),
    [
        ({"a": {"b/1": b""}}, "does not lie below"),
        ({"a": {"a": b""}}, "does not lie below"),
        ({"a": {"ab/1": b""}}, "does not lie below"),
        ({"a": {"a/1": b"", "a/1/2": b""}}, "a file and a directory"),
        ({"a": {"a/../x": b""}}, "not a path"),
        ({"a": {"a/.git/config": b""}}, "not a path"),
        ({"a": {"a/.GIT/config": b""}}, "not a path"),
        ({"a": {"a/.git./config": b""}}, "not a path"),
        ({"a": {"a/git~1/config": b""}}, "not a path"),
        ({"a": {"a//x": b""}}, "not a path"),
        ({"a": {"a/./x": b""}}, "not a path"),
        ({"a": {"a/x\ny": b""}}, "characters"),
        ({"a": {'a/x"y': b""}}, "characters"),
        ({"a": {"a/x\\y": b""}}, "characters"),
        ({"a": {"a/\u200c.git": b""}}, "characters"),
        ({"/a": {}}, "not a path"),
        ({"..": {}}, "not a path"),
        ({"a": {}, "a/b": {}}, "inside another"),
    ],
)
def test_a_path_that_is_not_plain_is_refused(repository: GitRepository, replace: object, about: str) -> None:
    with pytest.raises(GitUnsafe, match=about):
        make(repository, replace=replace)


@pytest.mark.parametrize(
    "change", [{"at": datetime(2026, 1, 1)}, {"message": " \n"}, {"message": "a\0b"}, {"parent": "main"}]
)
def test_other_inputs_that_are_not_plain_are_refused(repository: GitRepository, change: dict[str, object]) -> None:
    with pytest.raises(GitUnsafe):
        make(repository, **change)


def test_content_is_never_read_as_a_command(repository: GitRepository) -> None:
    hostile = b"x\nM 100644 inline evil\ndata 1\nx\ndone\n"
    commit = make(repository, replace={"a": {"a/1": hostile, "a/2 M 100644": b""}})
    assert repository.files(commit, "a") == {"a/1": hostile, "a/2 M 100644": b""}


# ---- property: whatever the files are, they come back, and the id is a function of them


def _is_path(path: str) -> bool:
    try:
        tree_path(path)
    except GitUnsafe:
        return False
    return True


names = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12).filter(
    lambda name: "/" not in name and _is_path(name)
)
files = st.dictionaries(st.lists(names, min_size=1, max_size=3).map("/".join), st.binary(max_size=200), max_size=8)


def _is_tree(paths: dict[str, bytes]) -> bool:
    return not any(other.startswith(f"{path}/") for path in paths for other in paths)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[GitRepository, GitRepository]]:
    with tempfile.TemporaryDirectory() as directory:
        create_local_repository(Path(directory, "r.git"))
        yield tuple(GitRepository(f"{directory}/r.git", Path(directory, cache)) for cache in "ab")  # type: ignore[misc]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    relative=files.filter(_is_tree),
    prefix=names,
    message=st.text(min_size=1).filter(lambda text: text.strip() and "\0" not in text and text.isprintable()),
    at=st.datetimes(datetime(1970, 1, 2), datetime(2099, 1, 1), timezones=st.just(UTC)),
)
def test_any_files_come_back_and_any_cache_gives_the_same_id(
    shared: tuple[GitRepository, GitRepository], relative: dict[str, bytes], prefix: str, message: str, at: datetime
) -> None:
    whole = {f"{prefix}/{path}": content for path, content in relative.items()}
    made = [
        repository.commit(parent=None, replace={prefix: contents}, message=message, at=at, author=AUTHOR)
        for repository, contents in zip(shared, (whole, dict(reversed(whole.items()))), strict=True)
    ]
    assert made[0] == made[1]
    assert shared[0].files(made[0]) == whole
