"""The panel's image holds what the panel needs and nothing of its tests, and runs as nobody."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world import ROOT

DOCKERFILE = (ROOT / "docker/panel.Dockerfile").read_text("utf-8")
STAGES = DOCKERFILE.split("\nFROM ")
COPIED = re.findall(r"^COPY (?!--from)(\S+(?: \S+)*) (\S+)$", DOCKERFILE, re.MULTILINE)
ENVIRONMENT = {"DATABASE_URL": "postgresql:///none", "DJANGO_SECRET_KEY": "only-for-tests-" + "0" * 32}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the stage `files`, as its lines copy them."""
    root = tmp_path_factory.mktemp("image")
    for line in re.findall(r"^COPY (.+)$", STAGES[2], re.MULTILINE):
        source, target = line.split()
        place = root / target.removeprefix("./") if target != "./" else root / source
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, place)
    return root


def run(image: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **ENVIRONMENT}
    done = subprocess.run([sys.executable, *arguments], cwd=image, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_copied_is_enough_to_load_every_page_and_task(image: Path) -> None:
    assert "no issues" in run(image, "manage.py", "check", "--fail-level", "WARNING")
    run(image, "-c", "import controlpanel.asgi, controlpanel.celery, controlpanel.urls")
    assert "watch" in run(image, "manage.py", "help", "watch")


def test_its_static_files_are_collected_and_compressed(image: Path) -> None:
    run(image, "manage.py", "collectstatic", "--no-input")
    run(image, "-m", "whitenoise.compress", "--quiet", "staticfiles")
    assert list((image / "staticfiles").rglob("*.css.br"))


def test_the_context_holds_all_that_is_copied_and_nothing_secret() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for sources, _ in COPIED:
        for source in sources.split():
            assert any(source == path or source.startswith(f"{path}/") for path in allowed), source
    assert not {"tests", "sandbox", ".git", ".run", "docker"} & set(allowed)


def test_it_runs_as_nobody_from_a_base_by_digest() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len({base for base in bases if ":" in base}) == 1
    assert all(re.fullmatch(r"\S+:[\d.]+-\S+@sha256:[0-9a-f]{64}", base) for base in bases if ":" in base)
    assert "\nUSER 10001:10001\n" in STAGES[-1]
    assert "useradd --uid 10001 --gid 10001 " in STAGES[-1], "ssh refuses a user without a name"
    assert "ARG" not in DOCKERFILE, "nothing secret is given to a build"


def test_the_hubs_images_hold_every_module_of_the_stand_ins() -> None:
    text = (ROOT / "docker/hub/Dockerfile").read_text("utf-8")
    assert "COPY docker/hub/*.py /srv/docker/hub/" in text
    assert set(re.findall(r"-m\", \"docker\.hub\.(\w+)\"", text)) == {"backend", "orchestrator", "frontend"}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "docker/hub/requirements.lock").read_text(), re.MULTILINE))
    assert locked >= {"starlette", "uvicorn", "redis", "prometheus-client", "httpx"}
