"""Browsers of the people who have to do with tenants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from controlpanel.accounts.models import User
from controlpanel.core.permissions import Role
from deployments.selectors import frame
from tests import fixtures_tenants as make
from tests.tenants.conftest import World


@dataclass
class Browser:
    """Somebody at the pages."""

    client: Client

    def text(self, path: str, *, status: int = 200) -> str:
        response = self.client.get(path)
        assert response.status_code == status, response.content.decode()[:2000]
        return response.content.decode()

    def post(self, path: str, fields: dict[str, Any] | None = None, *, status: int = 303) -> str:
        """The page that follows, or the answer itself where it is not 303."""
        response = self.client.post(path, fields or {})
        assert response.status_code == status, response.content.decode()[:2000]
        return self.text(response.headers["Location"]) if status == 303 else response.content.decode()


def browser(user: User) -> Browser:
    """A browser in which the person is signed in."""
    client = Client()
    client.force_login(user)
    return Browser(client)


@pytest.fixture(autouse=True)
def _the_title_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries are counted here; one that a new minute adds would count as well."""
    monkeypatch.setattr(frame, "TITLE_SECONDS", 10**9)


@pytest.fixture
def ada(world: World) -> Browser:
    """Ada may do anything."""
    assert world.ada.user is not None
    return browser(world.ada.user)


@pytest.fixture
def olga(world: World) -> Browser:
    """Olga operates."""
    assert world.olga.user is not None
    return browser(world.olga.user)


@pytest.fixture
def rita(world: World) -> Browser:
    """Rita manages releases."""
    assert world.rita.user is not None
    return browser(world.rita.user)


@pytest.fixture
def selin(world: World) -> Browser:
    """Selin owns nova, and nothing else."""
    return browser(make.person("selin", Role.TENANT_OWNER, tenant="nova"))


@pytest.fixture
def remzi(world: World) -> Browser:
    """Remzi reviews nova."""
    return browser(make.person("remzi", Role.TENANT_REVIEWER, tenant="nova"))
