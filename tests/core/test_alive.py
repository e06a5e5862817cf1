"""Worker and watch say that they live, so that what runs them can end one that hangs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from controlpanel.core.alive import alive
from tests.chaos.broker import Broker
from tests.world import ROOT, World, until


def test_each_word_makes_the_file_young_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    alive("watch")
    file = tmp_path / "control-panel-watch"
    os.utime(file, (0, 0))
    alive("watch")

    assert file.stat().st_mtime > 1_000_000


@pytest.mark.slow
def test_a_worker_says_so_while_it_hears_its_broker_and_watch_by_itself(tmp_path: Path) -> None:
    broker = Broker()
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "CELERY_BROKER_URL": broker.url,
        "DATABASE_URL": "postgresql:///nobody?host=/nowhere", "DJANGO_SECRET_KEY": "only-for-tests-" + "0" * 32,
        "DJANGO_SETTINGS_MODULE": "controlpanel.settings", "CONTROL_PANEL_RECONCILE_SECONDS": "0.1",
    }  # fmt: skip
    world = World(directory=tmp_path, database_url="", environment=environment)
    try:
        world.worker()
        world.watch()
        for name in ("worker", "watch"):
            file = tmp_path / f"control-panel-{name}"
            until(file.exists, f"{name} says that it lives\n{world.logs()}")
            os.utime(file, (0, 0))
            until(lambda file=file: file.stat().st_mtime > 0, f"{name} says so again\n{world.logs()}")
    finally:
        world.stop()
        broker.kill()


def test_the_manifests_look_at_these_files() -> None:
    for name in ("worker", "watch"):
        for file in (f"kubernetes/control-panel/base/{name}.yaml", "docker/panel.compose.yml"):
            assert f"/tmp/control-panel-{name}" in (ROOT / file).read_text()
