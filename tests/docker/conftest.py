"""One hub of stand-ins for all tests of docker/."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docker.hub import Hub, running_hub


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running
