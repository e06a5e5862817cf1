"""A push lands whole and once, or not at all, whoever else writes to the repository."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from controlpanel.clients.errors import GitRefNotFound, GitRejected, GitUnreachable, GitUnsafe
from controlpanel.clients.git import Claimed, GitRepository, Moved, Pushed
from tests.clients.conftest import AT, AUTHOR, CLAIM, Git
from tests.clients.git_http_server import GitHTTPServer

BRANCH = "env/staging"


def make(repository: GitRepository, parent: str | None, content: bytes = b"one\n", directory: str = "backend") -> str:
    files = {directory: {f"{directory}/Deployment-api.yaml": content}}
    return repository.commit(parent=parent, replace=files, message="Promote", at=AT, author=AUTHOR)


@pytest.fixture
def tip(repository: GitRepository) -> str:
    """The tip of the environment's branch."""
    return repository.bootstrap_branch(BRANCH, {"README.md": b"staging\n"}, "Begin", AT, AUTHOR)


def test_a_push_moves_the_branch_and_creates_the_claim(repository: GitRepository, tip: str) -> None:
    commit = make(repository, tip)
    assert repository.claim(CLAIM) is None
    assert repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Pushed(commit)
    assert repository.tip(BRANCH) == repository.claim(CLAIM) == commit


def test_a_branch_that_does_not_exist_yet_is_created(repository: GitRepository) -> None:
    commit = make(repository, None)
    assert repository.push(branch="env/new", expected=None, commit=commit, claim=CLAIM) == Pushed(commit)
    assert repository.tip("env/new") == commit


def test_the_same_push_again_answers_claimed_and_changes_nothing(repository: GitRepository, tip: str, git: Git) -> None:
    commit = make(repository, tip)
    repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM)
    before = git("for-each-ref")
    assert repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Claimed(commit)
    assert git("for-each-ref") == before


def test_another_commit_under_the_same_claim_is_refused_whole(repository: GitRepository, tip: str) -> None:
    first = make(repository, tip)
    repository.push(branch=BRANCH, expected=tip, commit=first, claim=CLAIM)
    second = make(repository, first, b"two\n")
    assert repository.push(branch=BRANCH, expected=first, commit=second, claim=CLAIM) == Claimed(first)
    assert repository.tip(BRANCH) == first


def test_a_push_with_a_stale_tip_is_refused(
    repository: GitRepository, tip: str, foreign_commit: Callable[..., str]
) -> None:
    commit = make(repository, tip)
    theirs = foreign_commit(BRANCH, "theirs.txt")
    assert repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Moved(theirs)
    assert (repository.tip(BRANCH), repository.claim(CLAIM)) == (theirs, None)


def test_a_branch_that_appeared_meanwhile_is_not_overwritten(
    repository: GitRepository, foreign_commit: Callable[..., str]
) -> None:
    theirs = foreign_commit("env/new", "theirs.txt")
    commit = make(repository, None)
    assert repository.push(branch="env/new", expected=None, commit=commit, claim=CLAIM) == Moved(theirs)


def test_a_branch_that_was_deleted_is_not_created_again(repository: GitRepository, tip: str, git: Git) -> None:
    commit = make(repository, tip)
    git("update-ref", "-d", f"refs/heads/{BRANCH}")
    assert repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Moved(None)


def test_a_foreign_commit_is_built_upon_and_kept(
    repository: GitRepository, tip: str, foreign_commit: Callable[..., str]
) -> None:
    theirs = foreign_commit(BRANCH, "theirs.txt")
    commit = make(repository, theirs)
    assert repository.push(branch=BRANCH, expected=theirs, commit=commit, claim=CLAIM) == Pushed(commit)
    assert "theirs.txt" in repository.files(commit)
    assert repository.is_ancestor(theirs, commit)


def test_the_branch_moving_between_the_look_and_the_push_is_caught_by_the_lease(
    repository: GitRepository, tip: str, foreign_commit: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = make(repository, tip)
    looked = repository._standing
    theirs: list[str] = []

    def look_then_others_push(*arguments: object) -> object:
        found = looked(*arguments)  # type: ignore[arg-type]
        if not theirs:
            theirs.append(foreign_commit(BRANCH, "theirs.txt"))
        return found

    monkeypatch.setattr(repository, "_standing", look_then_others_push)
    assert repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Moved(theirs[0])
    assert repository.claim(CLAIM) is None


@pytest.mark.parametrize("overtaking", ["the same commit", "another commit"])
def test_the_claim_appearing_between_the_look_and_the_push_is_caught_by_the_lease(
    repository: GitRepository, tip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overtaking: str
) -> None:
    commit = make(repository, tip)
    other = GitRepository(repository.address.url, tmp_path / "other")
    theirs = make(other, tip) if overtaking == "the same commit" else make(other, tip, b"other\n")
    looked = repository._standing
    seen: list[object] = []

    def look_then_others_push(*arguments: object) -> object:
        found = looked(*arguments)  # type: ignore[arg-type]
        if not seen:
            seen.append(other.push(branch=BRANCH, expected=tip, commit=theirs, claim=CLAIM))
        return found

    monkeypatch.setattr(repository, "_standing", look_then_others_push)
    assert repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Claimed(theirs)
    assert seen == [Pushed(theirs)]
    assert repository.tip(BRANCH) == theirs


def test_a_promotion_called_off_between_the_look_and_the_push_does_not_land(
    repository: GitRepository, tip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tombstone names the parent, so without a lease on the claim the push would be a fast-forward of it."""
    commit, looked = make(repository, tip), repository._standing
    other = GitRepository(repository.address.url, tmp_path / "other")

    def look_then_it_is_called_off(*arguments: object) -> object:
        found = looked(*arguments)  # type: ignore[arg-type]
        other.reserve(CLAIM, tip)
        return found

    monkeypatch.setattr(repository, "_standing", look_then_it_is_called_off)
    assert repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Claimed(tip)
    assert repository.tip(BRANCH) == tip


def test_a_reserved_claim_refuses_every_later_push(repository: GitRepository, tip: str) -> None:
    commit = make(repository, tip)
    assert repository.reserve(CLAIM, tip) == Pushed(tip)
    assert repository.reserve(CLAIM, tip) == Claimed(tip)
    assert repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Claimed(tip)
    assert repository.tip(BRANCH) == tip


def test_reserving_after_the_push_says_what_landed(repository: GitRepository, tip: str) -> None:
    commit = make(repository, tip)
    repository.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM)
    assert repository.reserve(CLAIM, tip) == Claimed(commit)


def test_a_commit_beside_the_expected_tip_is_never_pushed(repository: GitRepository, tip: str) -> None:
    with pytest.raises(GitUnsafe, match="not built upon"):
        repository.push(branch=BRANCH, expected=tip, commit=make(repository, None), claim=CLAIM)


def test_a_commit_that_the_cache_lost_is_asked_for_again(repository: GitRepository, tip: str) -> None:
    with pytest.raises(GitRefNotFound, match="not in the cache"):
        repository.push(branch=BRANCH, expected=tip, commit="f" * 40, claim=CLAIM)


@pytest.mark.parametrize(
    "claim", ["refs/heads/x", "refs/tags/x", "claims/x", "refs/panel/../heads/x", "refs/panel/--x/.y", "-x"]
)
def test_a_claim_lives_outside_branches_and_tags(repository: GitRepository, tip: str, claim: str) -> None:
    with pytest.raises(GitUnsafe):
        repository.push(branch=BRANCH, expected=tip, commit=tip, claim=claim)


@pytest.mark.parametrize("branch", ["--force", "a b", "x:refs/heads/main", "a..b", "+x", "x/", "x.lock"])
def test_a_branch_that_is_no_plain_name_is_refused(repository: GitRepository, tip: str, branch: str) -> None:
    with pytest.raises(GitUnsafe):
        repository.push(branch=branch, expected=tip, commit=tip, claim=CLAIM)


def test_a_rule_of_the_server_is_told_in_its_own_words(
    repository: GitRepository, tip: str, bare: Path, git: Git
) -> None:
    hook = bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no pushes on Fridays' >&2\nexit 1\n")
    hook.chmod(0o755)
    if repository.address.path:
        git("config", "core.hooksPath", "hooks")  # the panel's own setting has none
    with pytest.raises(GitRejected, match="no pushes on Fridays"):
        repository.push(branch=BRANCH, expected=tip, commit=make(repository, tip), claim=CLAIM)
    assert repository.tip(BRANCH) == tip


# ---- over HTTP, where the answer can be lost


@pytest.fixture
def remote(http_server: GitHTTPServer, tmp_path: Path) -> GitRepository:
    made = GitRepository(http_server.url("deploy.git"), tmp_path / "cache", timeout=10)
    made.bootstrap_branch(BRANCH, {"README.md": b"staging\n"}, "Begin", AT, AUTHOR)
    return made


def test_a_server_without_atomic_pushes_is_found_by_the_rehearsal(
    repository: GitRepository, tip: str, git: Git
) -> None:
    """Two refs that could land one without the other would break every promise about pushes."""
    git("config", "receive.advertiseAtomic", "false")
    with pytest.raises(GitRejected, match="cannot move two refs in one step"):
        repository.rehearse_push(tip)


def test_a_push_whose_answer_was_lost_is_found_by_its_claim(remote: GitRepository, http_server: GitHTTPServer) -> None:
    tip = remote.tip(BRANCH)
    commit = make(remote, tip)
    http_server.interrupt = lambda method, path: "drop" if method == "POST" and "receive-pack" in path else ""
    assert remote.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Claimed(commit)
    assert remote.tip(BRANCH) == commit


def test_a_push_whose_answer_was_lost_is_unreachable_while_nobody_can_be_asked(
    remote: GitRepository, http_server: GitHTTPServer
) -> None:
    tip = remote.tip(BRANCH)
    commit = make(remote, tip)
    down: list[str] = []

    def drop_then_refuse(method: str, path: str) -> str:
        if method == "POST" and "receive-pack" in path:
            down.append(path)
            return "drop"
        return "503" if down else ""

    http_server.interrupt = drop_then_refuse
    with pytest.raises(GitUnreachable):
        remote.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM)
    http_server.interrupt = lambda method, path: ""
    assert remote.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Claimed(commit)


def test_a_push_that_did_not_reach_the_server_may_be_sent_again(
    remote: GitRepository, http_server: GitHTTPServer
) -> None:
    tip = remote.tip(BRANCH)
    commit = make(remote, tip)
    http_server.interrupt = lambda method, path: "503" if "receive-pack" in path else ""
    with pytest.raises(GitUnreachable):
        remote.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM)
    http_server.interrupt = lambda method, path: ""
    assert remote.push(branch=BRANCH, expected=tip, commit=commit, claim=CLAIM) == Pushed(commit)


@pytest.mark.parametrize("fault", ["503", "redirect http://127.0.0.1:9/elsewhere"])
def test_a_server_that_does_not_serve_is_unreachable(
    remote: GitRepository, http_server: GitHTTPServer, fault: str
) -> None:
    http_server.interrupt = lambda method, path: fault
    with pytest.raises(GitUnreachable, match=r"127\.0\.0\.1"):
        remote.tip(BRANCH)


# ---- races


@pytest.mark.parametrize("caches", ["one cache", "a cache for each"])
def test_four_writers_on_one_branch_all_land_once(bare: Path, tmp_path: Path, git: Git, caches: str) -> None:
    def repository(writer: int) -> GitRepository:
        return GitRepository(str(bare), tmp_path / ("cache" if caches == "one cache" else f"cache-{writer}"))

    start = repository(0).bootstrap_branch(BRANCH, {"README.md": b"x\n"}, "Begin", AT, AUTHOR)
    ready = threading.Barrier(4)

    def write(writer: int) -> int:
        own, attempts = repository(writer), 0
        ready.wait(timeout=20)
        for number in range(3):
            claim, outcome = f"refs/panel/promotions/{writer}/{number}", None
            while not isinstance(outcome, Pushed):
                attempts += 1
                tip = outcome.tip if isinstance(outcome, Moved) else own.tip(BRANCH)
                commit = make(own, tip, f"{number}\n".encode(), f"component-{writer}")
                outcome = own.push(branch=BRANCH, expected=tip, commit=commit, claim=claim)
        return attempts

    with ThreadPoolExecutor(4) as pool:
        attempts = list(pool.map(write, range(4)))
    assert sum(attempts) >= 12
    commits = git("rev-list", f"{start}..refs/heads/{BRANCH}").split()
    claims = git("for-each-ref", "--format=%(objectname)", "refs/panel").split()
    assert len(commits) == len(claims) == 12
    assert set(commits) == set(claims)
    git("fsck", "--strict")


def test_one_promotion_in_two_workers_lands_once(bare: Path, tmp_path: Path, git: Git) -> None:
    start = GitRepository(str(bare), tmp_path / "c").bootstrap_branch(BRANCH, {"R": b"x\n"}, "Begin", AT, AUTHOR)
    ready = threading.Barrier(2)

    def write(worker: int) -> object:
        own = GitRepository(str(bare), tmp_path / f"cache-{worker}")
        commit = make(own, start, f"worker {worker}\n".encode())
        ready.wait(timeout=20)
        return own.push(branch=BRANCH, expected=start, commit=commit, claim=CLAIM)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(write, range(2)))
    landed = git("rev-parse", f"refs/heads/{BRANCH}")
    assert sorted(outcomes, key=repr) == [Claimed(landed), Pushed(landed)]
    assert git("rev-list", "--count", f"{start}..{landed}") == "1"
