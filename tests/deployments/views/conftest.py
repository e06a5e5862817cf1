"""The platform and the people of the page tests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client

from controlpanel.accounts.models import User
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Role
from deployments.models import Release
from deployments.selectors import frame
from tests import fixtures_deployments as make


@dataclass
class Stage:
    """Two environments; elif operates, vera looks, stan may do anything in staging alone."""

    staging: Environment
    production: Environment
    elif_: User
    vera: User
    stan: User
    old: Release
    new: Release

    def client(self, user: User) -> Client:
        """A browser that is signed in."""
        browser = Client()
        browser.force_login(user)
        return browser


@pytest.fixture(autouse=True)
def _the_title_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries are counted here; one that a new minute adds would count as well."""
    monkeypatch.setattr(frame, "TITLE_SECONDS", 10**9)


@pytest.fixture
def stage(db: None) -> Stage:
    staging, production = make.platform()
    elif_ = make.person("elif", Role.OPERATOR, display_name="Elif Kaya")
    return Stage(
        staging=staging, production=production, elif_=elif_, vera=make.person("vera", Role.VIEWER),
        stan=make.person("stan", Role.OPERATOR, environment="staging"), old=make.release("2026.11.2"), new=make.release("2026.11.3"),
    )  # fmt: skip


@pytest.fixture
def client(stage: Stage) -> Client:
    """Elif's browser."""
    return stage.client(stage.elif_)
