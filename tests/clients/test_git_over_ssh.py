"""Git over ssh against a real OpenSSH server: everything works with key and known host, and each refusal names its cause."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlpanel.clients.errors import (
    GitCredentialsRefused,
    GitHostChanged,
    GitHostUnknown,
    GitKeyUnusable,
    GitRefNotFound,
    GitUnreachable,
)
from controlpanel.clients.git import Claimed, GitCredentials, GitRepository, Moved, Pushed
from tests.clients.conftest import AT, AUTHOR, CLAIM, Git
from tests.clients.ssh_server import PASSPHRASE, SSHServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHServer]:
    with SSHServer(tmp_path_factory.mktemp("ssh")) as server:
        (server.keys / "no key").write_text("not a key\n")
        (server.keys / "no key").chmod(0o600)
        shutil.copy(server.key, server.keys / "open")
        (server.keys / "open").chmod(0o644)
        (server.keys / "nobody").write_text("")
        yield server


def repository(server: SSHServer, bare: Path, cache: Path, key: str = "key", known: str = "known") -> GitRepository:
    """The panel's view with these files of the server's folder; "" is a variable that is not set."""
    key_file, hosts = (str(server.keys / name) if name else "" for name in (key, known))
    credentials = GitCredentials(ssh_key_file=key_file, known_hosts_file=hosts, variables="DEPLOY_REPO")
    return GitRepository(server.url(bare), cache, credentials=credentials)


def test_it_fetches_commits_pushes_and_claims(server: SSHServer, bare: Path, tmp_path: Path, git: Git) -> None:
    there = repository(server, bare, tmp_path / "cache")
    tip = there.bootstrap_default_branch({"README.md": b"x\n"}, "Begin", AT, AUTHOR)
    first, second = (
        there.commit(parent=tip, replace={"a": {"a/1": content}}, message="m", at=AT, author=AUTHOR)
        for content in (b"1", b"2")
    )
    assert there.push(branch="main", expected=tip, commit=first, claim=CLAIM) == Pushed(first)
    assert there.push(branch="main", expected=tip, commit=first, claim=CLAIM) == Claimed(first)
    assert there.push(branch="main", expected=tip, commit=second, claim=f"{CLAIM}1") == Moved(first)
    assert there.reserve(f"{CLAIM}2", tip) == Pushed(tip)
    assert (there.claim(CLAIM), there.claim(f"{CLAIM}1")) == (first, None)
    assert git("rev-parse", "refs/heads/main") == first

    elsewhere = repository(server, bare, tmp_path / "another cache")
    elsewhere.fetch()
    assert elsewhere.files(first)["a/1"] == b"1"
    elsewhere.rehearse_push(first)
    assert "rehearsal" not in git("for-each-ref")


def test_a_default_branch_that_the_server_keeps_to_itself_is_said(
    server: SSHServer, bare: Path, tmp_path: Path, git: Git
) -> None:
    """A plain OpenSSH server lets no newer protocol of git through, so nobody hears what an unborn HEAD names."""
    git("symbolic-ref", "HEAD", "refs/heads/trunk")
    there = repository(server, bare, tmp_path / "cache")
    with pytest.raises(GitRefNotFound) as unsaid:
        there.bootstrap_default_branch({"README.md": b"x\n"}, "Begin", AT, AUTHOR)
    assert "git symbolic-ref HEAD refs/heads/main" in unsaid.value.remedy
    git("symbolic-ref", "HEAD", "refs/heads/main")
    assert there.bootstrap_default_branch({"README.md": b"x\n"}, "Begin", AT, AUTHOR) == there.tip("main")


REFUSALS = [
    ("stranger", "known", GitCredentialsRefused, "refused the key", "stranger.pub"),
    ("", "known", GitCredentialsRefused, "DEPLOY_REPO_SSH_KEY_FILE is not set", "path of a private key"),
    ("locked", "known", GitKeyUnusable, "asks for a passphrase", "without one"),
    ("absent", "known", GitKeyUnusable, "does not exist", "DEPLOY_REPO_SSH_KEY_FILE"),
    ("open", "known", GitKeyUnusable, "can be read by others", "chmod 600"),
    ("no key", "known", GitKeyUnusable, "not a private key", "not to `.pub`"),
    ("key", "nobody", GitHostUnknown, "holds no host key for it", "DEPLOY_REPO_KNOWN_HOSTS_FILE"),
    ("key", "absent", GitHostUnknown, "cannot be read", "DEPLOY_REPO_KNOWN_HOSTS_FILE"),
    ("key", "", GitHostUnknown, "DEPLOY_REPO_KNOWN_HOSTS_FILE is not set", "DEPLOY_REPO_KNOWN_HOSTS_FILE"),
    ("key", "changed", GitHostChanged, "another host key", "DEPLOY_REPO_KNOWN_HOSTS_FILE"),
]


@pytest.mark.parametrize(("key", "known", "kind", "sentence", "remedy"), REFUSALS)
def test_each_refusal_has_its_class_its_sentence_and_its_remedy(
    server: SSHServer, bare: Path, tmp_path: Path, key: str, known: str, kind: type, sentence: str, remedy: str
) -> None:
    there = repository(server, bare, tmp_path / "cache", key, known)
    with pytest.raises(GitCredentialsRefused) as refused:
        there.fetch()
    assert type(refused.value) is kind
    assert sentence in refused.value.sentence
    assert remedy in refused.value.remedy
    assert PASSPHRASE not in str(refused.value)
    assert "BEGIN OPENSSH" not in str(refused.value)


def test_a_path_that_is_no_repository_is_told_from_a_refusal(server: SSHServer, bare: Path, tmp_path: Path) -> None:
    with pytest.raises(GitUnreachable, match=r"other\.git"):
        repository(server, bare.parent / "other.git", tmp_path / "cache").fetch()
