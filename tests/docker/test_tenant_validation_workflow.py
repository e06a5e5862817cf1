"""The shell steps of tenant-validation.yml, with the stand-ins as plain processes where Docker would start them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from script.development import local_environment
from tests.docker.hub import TENANT, Hub
from tests.platform.workflows import run, shell_steps, stand_in
from tests.world import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the steps use of a checkout, with this one's installed packages."""
    place = tmp_path / "checkout"
    place.mkdir()
    for name in ("script", "docker"):
        ignored = shutil.ignore_patterns("__pycache__", ".env.*[!e]", local_environment.TENANTS.name)
        shutil.copytree(ROOT / name, place / name, ignore=ignored)
    for file in ROOT.glob("requirements*.lock"):
        shutil.copy(file, place)
    for name in (".venv", ".tools"):
        (place / name).symlink_to(ROOT / name)
    return place


def test_the_steps_validate_a_tenant_and_leave_nothing_running(hub: Hub, checkout: Path, tmp_path: Path) -> None:
    log = stand_in(tmp_path / "programs", "docker")
    path = f"{tmp_path / 'programs'}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": os.environ["HOME"], "HUB_URL": hub.backend, "REDIS_URL": hub.redis_url}

    for step in shell_steps("tenant-validation.yml", "validate", {"inputs.tenant": TENANT}):
        if step.condition != "failure()":
            done = run(step, checkout, environment)
            assert done.returncode == 0, f"{step.name}: {done.stdout}"
            if step.run.startswith("script/tenant-validation"):
                assert done.stdout.count("ok  ") == 6

    assert log.read_text().splitlines() == [
        "docker compose up --build --detach --wait --wait-timeout 300",
        "docker compose down --volumes",
    ]
    assert (checkout / local_environment.FILE).stat().st_mode & 0o077 == 0
    variables = shell_steps("tenant-validation.yml", "validate", {"inputs.tenant": TENANT})[0].environment
    for file in [*variables["COMPOSE_FILE"].split(":"), variables["COMPOSE_ENV_FILES"]]:
        assert (checkout / file).exists()


def test_a_tenant_of_no_good_name_stops_at_the_first_step(checkout: Path) -> None:
    step = shell_steps("tenant-validation.yml", "validate", {"inputs.tenant": "../chat365; rm -rf"})[0]
    done = run(step, checkout, dict(os.environ))

    assert done.returncode == 2
    assert "is no tenant's name" in done.stdout
    assert not (checkout / local_environment.FILE).exists()
