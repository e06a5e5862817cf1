"""The reference platform and the people who have to do with tenants."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Environment
from controlpanel.core.permissions import Role
from tests import fixtures_tenants as make


@dataclass
class World:
    """Two environments; ada may do anything, olga operates, rita manages releases."""

    staging: Environment
    production: Environment
    ada: Actor
    olga: Actor
    rita: Actor


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def make_world() -> World:
    """The platform and its people in rows."""
    staging, production = make.catalog()
    return World(
        staging=staging,
        production=production,
        ada=make.actor(make.person("ada", Role.ADMINISTRATOR)),
        olga=make.actor(make.person("olga", Role.OPERATOR)),
        rita=make.actor(make.person("rita", Role.RELEASE_MANAGER)),
    )
