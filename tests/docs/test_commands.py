"""The commands of README and docs do what the text says: those marked `sh` are run, of the others names and options are checked."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.renderers.base import render_digest
from script.development import lint, testing
from tests.docs.accounts import another_argocd
from tests.docs.conftest import Desk
from tests.docs.documents import ROOT, blocks, commands, documents, name_of

SECONDS = 240
IN_ORDER = ("README.md", "docs/operations.md", "docs/api.md")
"""The README comes first: others continue it."""
BESIDE_A_HUB = ("docs/DEPLOYMENT_GUIDE.md",)
"""Run by test_deploying.py."""
NOT_OURS = {"argocd", "curl", "export", "for", "docker", "kubectl", "cp"}
"""Programs of others, which need a cluster or a server, and words of the shell."""
COMPONENTS = ("ai", "backend", "frontend", "kafka", "monitoring", "redis")


def script_of(document: Path, address: str) -> str:
    """All blocks of a document as one script that stops at the first command that fails, and says which block it was in."""
    parts = ["set -euo pipefail"]
    for block in blocks(document, "sh"):
        parts += [f"echo '== {name_of(document)}:{block.line}'", block.text]
    return "\n".join(parts).replace("http://localhost:8000", address)


def run(desk: Desk, name: str) -> str:
    """Run a document's commands in a shell of their own, without any variable of the panel; returns what they printed."""
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}
    done = subprocess.run(
        ["bash", "-c", script_of(ROOT / name, desk.address)], cwd=desk.directory, env=environment, timeout=SECONDS, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{desk.world.logs()[-6000:]}"
    return done.stdout


def test_every_document_with_commands_to_run_is_run() -> None:
    assert {name_of(document) for document in documents() if blocks(document, "sh")} == {*IN_ORDER, *BESIDE_A_HUB}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_readme_takes_a_release_to_staging_by_curl(desk: Desk) -> None:
    said = run(desk, "README.md")
    assert "\nevent: promotion.requested\n" in said
    assert "\nsucceeded\n" in said
    trailer = re.search(r"Render-Digest: ([0-9a-f]{64})", said)
    assert trailer is not None
    assert said.rstrip().splitlines()[-1].split()[0] == trailer[1], "The shell's digest is the one that was committed."
    assert digest_in_git(desk, "env/staging") == trailer[1]
    assert desk.world.git("rev-list", "--count", "--merges", "env/staging").strip() == "0"


def digest_in_git(desk: Desk, branch: str) -> str:
    """The digest of the components' files on a branch, recomputed from what Git holds."""
    paths = desk.world.git("ls-tree", "-r", "--name-only", branch, "--", *COMPONENTS).splitlines()
    assert paths
    return render_digest({path: desk.world.git("cat-file", "blob", f"{branch}:{path}").encode() for path in paths})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_operations_manual_asks_a_running_panel(desk: Desk) -> None:
    said = run(desk, "docs/operations.md")
    assert '"status": "ok"' in said
    assert re.search(r"\d+ events", said), "verify_audit says how many events hold."
    assert 'control_panel_due_lag_seconds{kind="promotion"}' in said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_api_page_creates_a_release_and_promotes_it(desk: Desk) -> None:
    said = run(desk, "docs/api.md")
    assert "\n2026.11.5\n" in said
    assert re.search(r"^succeeded [0-9a-f]{40}", said, re.MULTILINE)
    assert "pass applications-healthy" in said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_documented_rights_are_enough_to_bootstrap_and_for_every_check(desk: Desk, tmp_path: Path) -> None:
    environment = {**desk.world.environment, **another_argocd(desk.world, tmp_path)}

    said = manage("bootstrap", environment)
    assert "AppProject hub: created." in said
    assert "Application backend-production: created." in said
    assert "up to date" in manage("bootstrap", environment)
    checked = manage("doctor", environment)
    assert "Argo CD, production: All 22 Applications are there." in checked
    assert re.search(r"control-panel has every right for .+ in the project hub\.", checked)


def manage(command: str, environment: dict[str, str]) -> str:
    """Run a management command that succeeds; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", command], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


ALL_SHOWN = [(name_of(document), command) for document in documents() for command in commands(document)]


@pytest.mark.parametrize(("document", "command"), ALL_SHOWN)
def test_a_command_that_is_only_shown_exists_with_its_options(document: str, command: str) -> None:
    words = shlex.split(command.removesuffix("\\"))
    if words[0] in NOT_OURS:
        return None
    if words[0] in ("manage.py", "script/manage"):
        return check_management_command(words[1], [word for word in words[2:] if word.startswith("--")])
    program = ROOT / words[0]
    if words[0].startswith(".venv/bin/"):
        assert program.exists()
        return None
    assert os.access(program, os.X_OK), f"{document} names {words[0]}"
    return check_own_script(words)


def check_management_command(name: str, options: list[str]) -> None:
    if name == "migrate" or name == "help":
        return
    files = list(ROOT.glob(f"*/**/management/commands/{name}.py"))
    assert files, f"There is no command {name}."
    assert [option for option in options if f'"{option}"' not in files[0].read_text("utf-8")] == []


def check_own_script(words: list[str]) -> None:
    """The options of script/server stand in its parser; names of checks, groups and tests exist."""
    name, arguments = Path(words[0]).name, words[1:]
    if name == "server":
        text = (ROOT / "script/development/server.py").read_text("utf-8")
        assert [word for word in arguments if word.startswith("--") and f'"{word}"' not in text] == []
    if name == "lint":
        assert set(arguments) <= {check.name for check in lint.checks()}
    if name == "test" and arguments[:1] == ["--group"]:
        assert set(arguments[1:]) <= {group.name for group in testing.GROUPS}
    elif name == "test" and arguments:
        assert (ROOT / arguments[0]).exists()


def test_checks_that_the_texts_name_exist() -> None:
    known = {check.name for check in lint.checks()}
    for document in documents():
        for names in re.findall(r"`script/lint ([a-z ]+)`", document.read_text("utf-8")):
            assert set(names.split()) <= known, f"{name_of(document)} names {names}"
