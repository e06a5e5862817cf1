"""Git over https with an authority of our own: user and password or token work, and each refusal names its cause."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlpanel.clients.errors import (
    GitCertificateExpired,
    GitCertificateMisnamed,
    GitCertificateUnknown,
    GitCredentialsRefused,
    GitUnreachable,
)
from controlpanel.clients.git import Claimed, GitCredentials, GitRepository, Pushed
from tests.clients.certificates import Authority, Certificate
from tests.clients.conftest import AT, AUTHOR, CLAIM
from tests.clients.git_http_server import GitHTTPServer

PASSWORD = "correct-horse-8b1f"
TOKEN = "glpat-3f9a-not-a-real-one"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ours.pem` signed the certificates, `others.pem` did not, `nobody.pem` holds none."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "nobody.pem").write_text("not a certificate\n")
    Authority(folder, "others")
    ours = Authority(folder, "ours")
    ours.sign("good")
    ours.sign("expired", days=-1)
    ours.sign("misnamed", names="DNS:git.example.com")
    return folder


@pytest.fixture
def server(request: pytest.FixtureRequest, folder: Path, bare: Path) -> Iterator[GitHTTPServer]:
    """The guarded repository with the certificate that the test names, `good` unless it does."""
    name = getattr(request, "param", "good")
    certificate = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    with GitHTTPServer(bare.parent, username="panel", password=PASSWORD, certificate=certificate) as server:
        yield server


def repository(server: GitHTTPServer, cache: Path, credentials: GitCredentials) -> GitRepository:
    return GitRepository(server.url("deploy.git"), cache, credentials=credentials)


def test_user_and_password_read_and_push_behind_an_own_authority(
    server: GitHTTPServer, folder: Path, tmp_path: Path
) -> None:
    credentials = GitCredentials("panel", PASSWORD, ca_file=str(folder / "ours.pem"))
    there = repository(server, tmp_path / "cache", credentials)
    tip = there.bootstrap_default_branch({"README.md": b"x\n"}, "Begin", AT, AUTHOR)
    commit = there.commit(parent=tip, replace={"a": {"a/1": b"1"}}, message="m", at=AT, author=AUTHOR)
    assert there.push(branch="main", expected=tip, commit=commit, claim=CLAIM) == Pushed(commit)
    assert there.push(branch="main", expected=tip, commit=commit, claim=CLAIM) == Claimed(commit)
    elsewhere = repository(server, tmp_path / "another cache", credentials)
    elsewhere.fetch()
    assert elsewhere.files(commit)["a/1"] == b"1"


def test_a_token_needs_no_user_name(server: GitHTTPServer, folder: Path, tmp_path: Path) -> None:
    server.credentials = f"git:{TOKEN}"
    credentials = GitCredentials(password=TOKEN, ca_file=str(folder / "ours.pem"))
    assert repository(server, tmp_path / "cache", credentials).tip("main") is None
    sent = base64.b64encode(f"git:{TOKEN}".encode()).decode()
    assert server.authorizations[-1] == f"Basic {sent}"


def test_a_file_of_authorities_may_be_named_from_where_the_panel_was_started(
    server: GitHTTPServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    credentials = GitCredentials("panel", PASSWORD, ca_file="ours.pem")
    assert repository(server, tmp_path / "cache", credentials).tip("main") is None


REFUSALS = [
    ("good", "others.pem", PASSWORD, GitCertificateUnknown, "signed by none of the authorities", "PLATFORM_REPO_CA_FILE"),
    ("good", "", PASSWORD, GitCertificateUnknown, "no authority that this machine knows", "PLATFORM_REPO_CA_FILE"),
    ("good", "absent.pem", PASSWORD, GitCertificateUnknown, "absent.pem cannot be read", "PLATFORM_REPO_CA_FILE"),
    ("good", "nobody.pem", PASSWORD, GitCertificateUnknown, "holds no certificate", "PLATFORM_REPO_CA_FILE"),
    ("expired", "ours.pem", PASSWORD, GitCertificateExpired, "has expired", "Renew it"),
    ("misnamed", "ours.pem", PASSWORD, GitCertificateMisnamed, "made for another name", "PLATFORM_REPO_URL"),
    ("good", "ours.pem", "wrong-77", GitCredentialsRefused, "refused the user name, password", "PLATFORM_REPO_PASSWORD"),
    ("good", "ours.pem", "", GitCredentialsRefused, "PLATFORM_REPO_PASSWORD is not set", "PLATFORM_REPO_USERNAME"),
]  # fmt: skip


@pytest.mark.parametrize(("server", "ca", "password", "kind", "sentence", "remedy"), REFUSALS, indirect=["server"])
def test_each_refusal_has_its_class_its_sentence_and_its_remedy(
    server: GitHTTPServer,
    folder: Path,
    tmp_path: Path,
    ca: str,
    password: str,
    kind: type,
    sentence: str,
    remedy: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ca_file = str(folder / ca) if ca else ""
    credentials = GitCredentials("panel", password, ca_file=ca_file, variables="PLATFORM_REPO")
    with pytest.raises(GitCredentialsRefused) as refused:
        repository(server, tmp_path / "cache", credentials).fetch()
    assert type(refused.value) is kind
    assert sentence in refused.value.sentence
    assert remedy in refused.value.remedy
    for secret in (PASSWORD, "wrong-77", base64.b64encode(f"panel:{password}".encode()).decode()):
        assert secret not in f"{refused.value} {refused.value!r} {credentials!r} {caplog.text}"


@pytest.mark.parametrize("server", ["expired", "misnamed"], indirect=True)
def test_no_password_is_sent_to_a_server_that_is_not_believed(
    server: GitHTTPServer, folder: Path, tmp_path: Path
) -> None:
    credentials = GitCredentials("panel", PASSWORD, ca_file=str(folder / "ours.pem"))
    with pytest.raises(GitCredentialsRefused):
        repository(server, tmp_path / "cache", credentials).fetch()
    assert server.authorizations == []


def test_a_server_without_tls_is_told_from_a_wrong_certificate(bare: Path, tmp_path: Path) -> None:
    with GitHTTPServer(bare.parent) as plain, pytest.raises(GitUnreachable):
        GitRepository(plain.url("deploy.git").replace("http:", "https:"), tmp_path / "cache").fetch()
