"""Which hubs the sandbox plays, and where they are told to be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from script.development import hubs

NAMES = [f"{place}_{what}_URL" for place in ("STAGING", "PRODUCTION") for what in ("HUB", "PROMETHEUS", "REDIS")]


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*NAMES, "PLATFORM_REPO_URL"):
        monkeypatch.delenv(name, raising=False)
    hubs.environments.cache_clear()
    yield
    hubs.environments.cache_clear()


def test_every_environment_has_a_hub_with_a_database_of_its_own() -> None:
    variables = hubs.variables("http://sandbox", "redis://:pw@127.0.0.1:1/0")
    assert sorted(variables) == sorted(NAMES)
    assert variables["STAGING_HUB_URL"] == "http://sandbox/hubs/staging"
    assert variables["PRODUCTION_PROMETHEUS_URL"] == "http://sandbox/hubs/production/prometheus"
    addresses = [variables["STAGING_REDIS_URL"], variables["PRODUCTION_REDIS_URL"]]
    assert addresses == ["redis://:pw@127.0.0.1:1/1", "redis://:pw@127.0.0.1:1/2"]
    assert hubs.played() == {"staging": "STAGING_REDIS_URL", "production": "PRODUCTION_REDIS_URL"}


@pytest.mark.parametrize("name", ["STAGING_HUB_URL", "STAGING_REDIS_URL"])
def test_into_a_redis_that_somebody_else_provides_nothing_is_written(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "rediss://real.example.test:6379/0")
    assert hubs.played() == {"production": "PRODUCTION_REDIS_URL"}
    assert not any(one.startswith("STAGING") for one in hubs.variables("http://sandbox", "redis://127.0.0.1:1/0"))


def test_another_platforms_catalog_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATFORM_REPO_URL", "https://git.example.test/platform")
    assert hubs.played() == {}
