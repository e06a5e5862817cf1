"""Browser tests come last: Playwright's event loop keeps running in the thread of the tests once it has started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Behind all others, so that no asynchronous test meets a running loop."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="session", autouse=True)
def _rows_beside_a_running_loop() -> None:
    """Django refuses rows in a thread with a running loop, and here it is only Playwright's."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
