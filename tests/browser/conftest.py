"""Browser tests come last: Playwright's event loop keeps running in the thread of the tests once it has started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlpanel.core import audit
from controlpanel.core.models import AuditChain
from controlpanel.core.permissions import Role
from controlpanel.core.views import events
from tests import fixtures_deployments as make
from tests.browser.panel import Panel
from tests.browser.serving import PanelInProcess, Server
from tests.deployments.views.conftest import Stage
from tests.world import free_port, running_world

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Behind all others, so that no asynchronous test meets a running loop."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="session", autouse=True)
def _rows_beside_a_running_loop() -> None:
    """Django refuses rows in a thread with a running loop, and here it is only Playwright's."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture(scope="module")
def panel(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, committed_database: str
) -> Iterator[Panel]:
    """The sandbox, `watch` and the web process beside the demo's releases, made with a module's `DEMO` before `watch` looks."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with running_world(tmp_path_factory.mktemp("world"), committed_database, 20.0, PUBLIC_URL=address) as world:
        world.manage("demo", *getattr(request.module, "DEMO", ()))
        world.watch()
        world.serve(port)
        yield Panel(world, address)


@pytest.fixture
def in_process(transactional_db: None, settings: Any) -> Iterator[PanelInProcess]:
    """Two environments, two releases and three people, served from this process."""
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.CSRF_TRUSTED_ORIGINS = []
    events.may_listen.cache_clear()
    AuditChain.objects.get_or_create(pk=1, defaults={"sequence": 0, "hash": audit.GENESIS})
    staging, production = make.platform()
    elif_, vera, stan = (
        make.person("elif", Role.OPERATOR, display_name="Elif Kaya"), make.person("vera", Role.VIEWER),
        make.person("stan", Role.OPERATOR, environment="staging"),
    )  # fmt: skip
    stage = Stage(staging, production, elif_, vera, stan, make.release("2026.11.2"), make.release("2026.11.3"))
    server = Server()
    server.start()
    yield PanelInProcess(server, stage)
    server.stop()
    events.may_listen.cache_clear()
