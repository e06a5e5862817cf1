"""What `doctor` says of a deploy repository over ssh or https that cannot be used, and of one that can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controlpanel import configuration
from controlpanel.clients.git import create_local_repository
from deployments.services.checkup import checkup
from tests.clients.certificates import Authority
from tests.clients.git_http_server import GitHTTPServer
from tests.clients.ssh_server import SSHServer

PASSWORD = "correct-horse-8b1f"


@dataclass
class Servers:
    """One repository, by ssh and by https."""

    repository: Path
    ssh: SSHServer
    https: GitHTTPServer
    outdated: GitHTTPServer
    authorities: Path

    def by_ssh(self, key: str = "key", known: str = "known") -> dict[str, str]:
        """The variables for these files of the ssh server's folder."""
        files = {"SSH_KEY_FILE": str(self.ssh.keys / key), "KNOWN_HOSTS_FILE": str(self.ssh.keys / known)}
        return {"URL": self.ssh.url(self.repository), **files}

    def by_https(self, ca: str = "ours.pem", password: str = PASSWORD) -> dict[str, str]:
        """The variables for this authority and password."""
        known = {"USERNAME": "panel", "PASSWORD": password, "CA_FILE": str(self.authorities / ca)}
        return {"URL": self.https.url("deploy.git"), **known}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    create_local_repository(folder / "deploy.git")
    Authority(folder, "others")
    ours = Authority(folder, "ours")
    guard = {"username": "panel", "password": PASSWORD}
    with (
        SSHServer(folder) as ssh,
        GitHTTPServer(folder, certificate=ours.sign("good"), **guard) as https,
        GitHTTPServer(folder, certificate=ours.sign("old", days=-1), **guard) as outdated,
    ):
        yield Servers(folder / "deploy.git", ssh, https, outdated, folder)


CASES: list[tuple[str, Callable[[Servers], dict[str, str]], tuple[str, ...]]] = [
    ("ssh", lambda to: to.by_ssh(), ("It has no default branch yet", "bootstrap")),
    ("https", lambda to: to.by_https(), ("It has no default branch yet", "bootstrap")),
    ("wrong key", lambda to: to.by_ssh(key="stranger"), ("refused the key", "DEPLOY_REPO_SSH_KEY_FILE")),
    ("passphrase", lambda to: to.by_ssh(key="locked"), ("asks for a passphrase",)),
    ("unknown host", lambda to: to.by_ssh(known="none"), ("is not known", "DEPLOY_REPO_KNOWN_HOSTS_FILE")),
    ("changed host", lambda to: to.by_ssh(known="changed"), ("another host key", "DEPLOY_REPO_KNOWN_HOSTS_FILE")),
    ("wrong authority", lambda to: to.by_https(ca="others.pem"), ("signed by none", "DEPLOY_REPO_CA_FILE")),
    ("wrong password", lambda to: to.by_https(password="wrong-77"), ("refused the user name", "DEPLOY_REPO_PASSWORD")),
    ("expired", lambda to: {**to.by_https(), "URL": to.outdated.url("deploy.git")}, ("has expired", "Renew it")),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("variables", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_doctor_says_what_is_wrong_and_what_to_do(
    servers: Servers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    variables: Callable[[Servers], dict[str, str]],
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    for name, value in variables(servers).items():
        monkeypatch.setenv(f"DEPLOY_REPO_{name}", value)
    settings.CONFIGURATION = configuration.load()
    (finding,) = [str(finding) for finding in checkup() if finding.subject == "deploy repository"]
    assert finding.startswith("fail")
    for word in words:
        assert word in finding
    assert PASSWORD not in finding
    assert "wrong-77" not in finding
