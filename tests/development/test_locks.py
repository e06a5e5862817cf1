"""The lock files: made from this pyproject.toml, and without any address."""

from __future__ import annotations

from pathlib import Path

import pytest

from script.development import locks
from script.development.paths import ROOT

PYPROJECT = '[project]\nname = "panel"\ndependencies = ["django~=5.2"]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for name in locks.LOCKS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{locks.header(PYPROJECT)}\ndjango==5.2.1 --hash=sha256:00\n")
    return tmp_path


def test_the_lock_files_of_this_repository_are_fresh() -> None:
    assert locks.problems(ROOT) == []


def test_a_new_dependency_makes_every_lock_file_stale(project: Path) -> None:
    (project / "pyproject.toml").write_text(PYPROJECT.replace('5.2"', '5.2", "httpx"'))
    assert [problem.split()[0] for problem in locks.problems(project)] == list(locks.LOCKS)


def test_a_setting_of_a_tool_makes_no_lock_file_stale(project: Path) -> None:
    (project / "pyproject.toml").write_text(f"{PYPROJECT}[tool.ruff]\nline-length = 120\n")
    assert locks.problems(project) == []


@pytest.mark.parametrize("line", ["--index-url https://packages.test/simple", "django @ file:///opt/wheels/django.whl"])
def test_an_address_in_a_lock_file_is_refused(project: Path, line: str) -> None:
    with (project / "requirements.lock").open("a") as lock:
        lock.write(f"{line}\n")
    assert locks.problems(project) == [
        "requirements.lock holds an address. Run script/lock without an index or links of your own."
    ]


def test_a_missing_lock_file_is_said(project: Path) -> None:
    (project / "requirements.lock").unlink()
    assert locks.problems(project)[0].startswith("requirements.lock was not made from this pyproject.toml.")
