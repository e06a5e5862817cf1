"""Secrets stay out of arguments, addresses, files and texts; addresses and environments do only what they are for."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlpanel.clients import git_command
from controlpanel.clients.errors import ClientError, GitCredentialsRefused, GitUnreachable, GitUnsafe
from controlpanel.clients.git import GitCredentials, GitRepository, Pushed, create_local_repository
from controlpanel.clients.git_address import address
from tests.clients.conftest import AT, AUTHOR, CLAIM
from tests.clients.git_http_server import GitHTTPServer

PASSWORD = "correct-horse-8b1f"


@pytest.fixture
def guarded(bare: Path) -> Iterator[GitHTTPServer]:
    with GitHTTPServer(bare.parent, username="panel", password=PASSWORD) as server:
        yield server


@pytest.fixture
def spied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory where every git that is started notes its arguments and its environment."""
    notes, programs = tmp_path / "notes", tmp_path / "programs"
    notes.mkdir()
    programs.mkdir()
    real = subprocess.run(["sh", "-c", "command -v git"], capture_output=True, text=True, check=True).stdout.strip()
    script = programs / "git"
    script.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {notes}/arguments\nenv >> {notes}/environment\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return notes


def test_a_password_opens_a_guarded_repository(guarded: GitHTTPServer, tmp_path: Path) -> None:
    repository = GitRepository(
        guarded.url("deploy.git"), tmp_path / "cache", credentials=GitCredentials("panel", PASSWORD)
    )
    tip = repository.bootstrap_default_branch({"README.md": b"x\n"}, "Begin", AT, AUTHOR)
    commit = repository.commit(parent=tip, replace={"a": {"a/1": b"1"}}, message="m", at=AT, author=AUTHOR)
    assert repository.push(branch="main", expected=tip, commit=commit, claim=CLAIM) == Pushed(commit)


@pytest.mark.parametrize(
    "credentials", [None, GitCredentials("panel", "wrong-password-77"), GitCredentials("other", PASSWORD)]
)
def test_wrong_credentials_are_refused_without_a_prompt_and_without_the_secret(
    guarded: GitHTTPServer, tmp_path: Path, credentials: GitCredentials | None
) -> None:
    repository = GitRepository(guarded.url("deploy.git"), tmp_path / "cache", credentials=credentials)
    with pytest.raises(GitCredentialsRefused) as refused:
        repository.fetch()
    assert not re.search(
        "wrong-password-77|" + PASSWORD, f"{refused.value} {refused.value!r} {repository!r} {credentials!r}"
    )


def test_the_password_is_in_no_argument_and_no_file(guarded: GitHTTPServer, tmp_path: Path, spied: Path) -> None:
    repository = GitRepository(
        guarded.url("deploy.git"), tmp_path / "cache", credentials=GitCredentials("panel", PASSWORD)
    )
    repository.bootstrap_default_branch({"README.md": b"x\n"}, "Begin", AT, AUTHOR)
    repository.fetch()
    header = repository._copy._git._basic()
    assert "ls-remote" in (spied / "arguments").read_text()
    for path in [spied / "arguments", *(path for path in (tmp_path / "cache").rglob("*") if path.is_file())]:
        content = path.read_bytes()
        assert PASSWORD.encode() not in content, path
        assert header.encode() not in content, path


def test_the_password_is_sent_to_its_own_server_only(guarded: GitHTTPServer, bare: Path, tmp_path: Path) -> None:
    with GitHTTPServer(bare.parent) as elsewhere:
        guarded.interrupt = lambda method, path: f"redirect {elsewhere.url(path.lstrip('/'))}"
        repository = GitRepository(
            guarded.url("deploy.git"), tmp_path / "cache", credentials=GitCredentials("panel", PASSWORD)
        )
        with pytest.raises(GitUnreachable, match="302"):
            repository.fetch()
    assert guarded.requests
    assert not elsewhere.requests


def test_git_sees_nothing_of_the_panels_environment_nor_of_the_users_configuration(
    bare: Path, tmp_path: Path, spied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text('[core]\n\tfsync = nonsense\n[url "ext::false"]\n\tinsteadOf = /\n')
    for name, value in {
        "HOME": str(home),
        "ARGOCD_TOKEN": "argo-secret",
        "DJANGO_SECRET_KEY": "django-secret",
        "GIT_DIR": "/nonexistent",
        "GIT_SSH_COMMAND": "false",
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": "/tmp",
    }.items():
        monkeypatch.setenv(name, value)
    repository = GitRepository(str(bare), tmp_path / "cache")
    repository.bootstrap_default_branch({"README.md": b"x\n"}, "Begin", AT, AUTHOR)
    repository.fetch()
    environment = (spied / "environment").read_text()
    assert "argo-secret" not in environment
    assert "django-secret" not in environment
    assert not (tmp_path / "trace").exists()


def test_a_hook_in_the_cache_never_runs(bare: Path, tmp_path: Path) -> None:
    repository = GitRepository(str(bare), tmp_path / "cache")
    tip = repository.bootstrap_default_branch({"README.md": b"x\n"}, "Begin", AT, AUTHOR)
    repository.fetch()
    (cache,) = (tmp_path / "cache").glob("*.git")
    (cache / "hooks").mkdir(exist_ok=True)
    for name in ("pre-push", "reference-transaction", "post-update", "post-checkout"):
        hook = cache / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    commit = repository.commit(parent=tip, replace={"a": {"a/1": b"1"}}, message="m", at=AT, author=AUTHOR)
    repository.push(branch="main", expected=tip, commit=commit, claim=CLAIM)
    repository.fetch()
    assert not (tmp_path / "ran").exists()


def test_a_local_repository_of_another_user_is_read(bare: Path, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    for path in [bare, *bare.rglob("*")]:
        os.chown(path, 65534, 65534)
    repository = GitRepository(str(bare), tmp_path / "cache")
    assert repository.bootstrap_default_branch({"README.md": b"x\n"}, "Begin", AT, AUTHOR) == repository.tip("HEAD")
    repository.fetch()


def test_a_working_copy_on_this_machine_is_read_too(tmp_path: Path) -> None:
    """A development checkout as PLATFORM_REPO_URL."""
    work = tmp_path / "work"
    environment = {**os.environ, "HOME": str(tmp_path)}
    identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.test"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True, env=environment)
    (work / "platform.yaml").write_text("a: 1\n")
    subprocess.run(["git", "-C", str(work), "add", "."], check=True, env=environment)
    subprocess.run(["git", "-C", str(work), *identity, "commit", "-q", "-m", "one"], check=True, env=environment)
    repository = GitRepository(str(work), tmp_path / "cache")
    assert repository.files(repository.resolve("main")) == {"platform.yaml": b"a: 1\n"}


@pytest.mark.parametrize(
    "protocol", ["ext::sh -c touch% /tmp/x", "fd::17", "git://host/x", "ftp://host/x", "rsync://host/x"]
)
def test_other_protocols_are_refused(tmp_path: Path, protocol: str) -> None:
    with pytest.raises(GitUnsafe):
        GitRepository(protocol, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "", "-oProxyCommand=touch", "--upload-pack=x", "relative/path", "./x", "~/x", "https://", "https:///x", "http:// host/x",
        "https://host/x\nfoo", "ssh://-oProxyCommand=x/y", "ssh://-x@host/y", "-x@host:path", "git@-host:path", "git@host:-path",
        "https://host/x?token=1", "https://host/x#y", "file://elsewhere/x", "https://[::1", "C:\\x",
    ],
)  # fmt: skip
def test_an_address_that_is_not_plain_is_refused(url: str) -> None:
    with pytest.raises(GitUnsafe):
        address(url)


@pytest.mark.parametrize(
    "url",
    ["https://me:secret-1@host/x", "https://secret-1@host/x", "http://:secret-1@host/x", "ssh://git:secret-1@host/x"],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(GitUnsafe, match="credentials") as refused:
        address(url)
    assert "secret-1" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "protocol"),
    [
        ("https://git.example.test/a/b.git", "https"), ("http://127.0.0.1:8080/x", "http"), ("ssh://git@host:2222/x", "ssh"),
        ("git@host.example.test:team/deploy.git", "ssh"), ("/srv/git/deploy.git", "file"), ("file:///srv/git/deploy.git", "file"),
        ("https://[::1]:8443/x", "https"),
    ],
)  # fmt: skip
def test_ordinary_addresses_are_taken_and_allow_their_own_protocol_only(
    tmp_path: Path, url: str, protocol: str
) -> None:
    repository = GitRepository(url, tmp_path)
    assert repository.address.protocol == protocol
    assert repository._copy._git._environment["GIT_ALLOW_PROTOCOL"] == protocol


def test_ssh_uses_the_named_key_and_the_pinned_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    ssh = programs / "ssh"
    ssh.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\necho "Host key verification failed." >&2\nexit 255\n'
    )
    ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    credentials = GitCredentials(ssh_key_file="/keys/deploy key", known_hosts_file="/keys/known_hosts")
    with pytest.raises(GitCredentialsRefused) as refused:
        GitRepository("git@host.example.test:deploy.git", tmp_path / "cache", credentials=credentials).tip("main")
    assert "KNOWN_HOSTS_FILE" in refused.value.remedy
    arguments = (tmp_path / "arguments").read_text().splitlines()
    assert {'IdentityFile="/keys/deploy key"', 'UserKnownHostsFile="/keys/known_hosts"', "IdentitiesOnly=yes"} <= set(
        arguments
    )
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes"} <= set(arguments)


def test_a_timeout_ends_git_and_everything_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    ssh = programs / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    started = time.monotonic()
    with pytest.raises(GitUnreachable, match="did not finish"):
        GitRepository("git@host.example.test:deploy.git", tmp_path / "cache", timeout=1).tip("main")
    assert time.monotonic() - started < 10
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20
    while not _is_over(pid):
        assert time.monotonic() < deadline, "ssh outlived git"
        time.sleep(0.02)


def _is_over(pid: int) -> bool:
    """Gone, or dead and not yet buried by whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_no_server_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(GitUnreachable) as unreachable:
        GitRepository("http://127.0.0.1:9/deploy.git", tmp_path / "cache").fetch()
    assert "http://127.0.0.1:9/deploy.git" in unreachable.value.sentence
    assert unreachable.value.remedy


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("fatal: unable to access 'https://h/': SSL certificate problem: unable to get local issuer certificate", "GitCertificateUnknown"),
        ("fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none", "GitCertificateUnknown"),
        ("fatal: unable to access 'https://h/': Could not resolve host: h", "GitUnreachable"),
        ("fatal: unable to access 'https://h/': The requested URL returned error: 403", "GitCredentialsRefused"),
        ("fatal: unable to access 'https://h/': The requested URL returned error: 502", "GitUnreachable"),
        ("remote: Repository not found.\nfatal: repository 'https://h/' not found", "GitUnreachable"),
        ("fatal: Authentication failed for 'https://h/'", "GitCredentialsRefused"),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", "GitCredentialsRefused"),
        ("error: RPC failed; curl 56 Recv failure: Connection reset by peer", "GitUnreachable"),
        ("ssh: connect to host h port 22: Connection timed out", "GitUnreachable"),
        (" ! [remote rejected] x -> main (protected branch hook declined)", "GitRejected"),
        ("fatal: remote error: upload-pack: not our ref ffff", "GitRefNotFound"),
        ("error: Server does not allow request for unadvertised object ffff", "GitRefNotFound"),
        ("fatal: bad object refs/heads/main", "GitError"),
    ],
)  # fmt: skip
def test_gits_words_are_told_apart(said: str, kind: str) -> None:
    output = git_command.Output(128, b"", said)
    error = git_command.classified(output, address("https://h.invalid/deploy.git"), "fetch", GitCredentials())
    assert type(error).__name__ == kind
    assert isinstance(error, ClientError)
    assert error.sentence
    assert error.remedy


def test_a_created_repository_reads_no_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    (template / "pre-receive").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template.parent))
    create_local_repository(tmp_path / "r.git")
    assert not (tmp_path / "r.git" / "hooks").exists()
