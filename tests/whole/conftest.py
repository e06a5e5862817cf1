"""One world as people have it: repositories over ssh and https, Celery workers, `watch`, an Argo CD with its own address for Git."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from controlpanel.accounts.actors import Actor
from deployments.choices import State
from deployments.models import Promotion
from deployments.services.promotions import promotion_request
from tests.chaos.broker import Broker
from tests.clients.certificates import Authority
from tests.clients.git_http_server import GitHTTPServer
from tests.clients.ssh_server import SSHServer
from tests.world import World, running_world, until

CI = Actor(name="ci", door="api", is_system=True)
PASSWORD = "correct-horse-8b1f"
PATIENCE_SECONDS = 180.0 if "WHOLE_SPEED" not in os.environ else 3600.0


@dataclass
class Whole:
    """The world and the servers around it."""

    world: World
    ssh: SSHServer
    https: GitHTTPServer

    def promoted(self, version: str, environment: str) -> Promotion:
        """Ask for a promotion and follow it to its end, or to where a person is needed."""
        return self.ended(self.asked(version, environment))

    def asked(self, version: str, environment: str) -> Promotion:
        """Ask for a promotion."""
        return promotion_request(actor=CI, environment=environment, release=version)

    def ended(self, promotion: Promotion, to: State = State.SUCCEEDED) -> Promotion:
        """Follow it to its end, or to where a person is needed."""

        def has_ended() -> bool:
            promotion.refresh_from_db()
            return promotion.is_terminal or promotion.state == State.PAUSED

        try:
            until(has_ended, f"{promotion} ends", PATIENCE_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error} It is {promotion.state}: {promotion.note}\n{self.world.logs()}") from None
        assert promotion.state == to, (promotion.issue, promotion.note, self.world.logs())
        return promotion

    def synced(self, promotion: Promotion) -> Counter[str]:
        """The operations with the promotion's marker, by Application."""
        return Counter(
            entry["application"]
            for entry in self.world.operations()
            if str(promotion.pk) in str(entry.get("infos", "")) and entry["type"] == "sync"
        )

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """Ask the Argo CD as somebody else would."""
        token = {"Authorization": f"Bearer {self.world.environment['ARGOCD_TOKEN']}"}
        answer = httpx.request(method, f"{self.world.server}{path}", headers=token, timeout=20, **arguments)
        return answer.raise_for_status().json()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[Whole]:
    directory = tmp_path_factory.mktemp("world")
    authority = Authority(tmp_path_factory.mktemp("authority"), "ours")
    broker = Broker()
    certificate = authority.sign("git")
    variables = {"CELERY_BROKER_URL": broker.url} | _times_of_real_life()
    with (
        SSHServer(tmp_path_factory.mktemp("ssh")) as ssh,
        GitHTTPServer(directory, username="panel", password=PASSWORD, certificate=certificate) as https,
        running_world(
            directory,
            committed_database,
            20.0,
            None,
            {"staging": broker.url, "production": broker.url},
            **variables,
            **_repositories(directory, ssh, https, authority.file),
        ) as world,
    ):
        world.manage("demo")
        world.watch()
        world.worker()
        yield Whole(world, ssh, https)
    broker.kill()


def _repositories(directory: Path, ssh: SSHServer, https: GitHTTPServer, ca_file: Path) -> dict[str, str]:
    """The platform's over https with password, the deploy repository over ssh; Argo CD reads the latter from the disk."""
    return {
        "PLATFORM_REPO_URL": https.url("platform"),
        "PLATFORM_REPO_USERNAME": "panel",
        "PLATFORM_REPO_PASSWORD": PASSWORD,
        "PLATFORM_REPO_CA_FILE": str(ca_file),
        "DEPLOY_REPO_URL": ssh.url(directory / "deploy.git"),
        "DEPLOY_REPO_SSH_KEY_FILE": str(ssh.key),
        "DEPLOY_REPO_KNOWN_HOSTS_FILE": str(ssh.known),
        "ARGOCD_DEPLOY_REPO_URL": f"file://{directory / 'deploy.git'}",
    }


def _times_of_real_life() -> dict[str, str]:
    """As installed, where requests depend on it: short ones ask more often."""
    return {
        "CONTROL_PANEL_LEASE_SECONDS": "30",
        "CONTROL_PANEL_RELIST_SECONDS": "30",
        "CONTROL_PANEL_SETTLE_SECONDS": "1",
        "CONTROL_PANEL_STUCK_POD_SECONDS": "60",
        "CONTROL_PANEL_DEGRADED_GRACE_SECONDS": "60",
    }
