"""`script/lint`: a failing check is shown, a missing tool is a failure with its remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from controlpanel.catalog.document import ComponentSpec
from deployments.renderers.base import RenderRequest
from script.development import lint, overlays
from script.development.paths import ROOT


def test_a_check_that_fails_says_what_it_found() -> None:
    outcome = lint.run(lint.Check("x", (sys.executable, "-c", "print('line 3 is wrong'); raise SystemExit(1)")), {})
    assert (outcome.passed, outcome.output) == (False, "line 3 is wrong")


def test_a_missing_tool_fails_with_the_command_that_installs_it() -> None:
    outcome = lint.run(lint.Check("x", ("/nowhere/shellcheck",)), {})
    assert not outcome.passed
    assert outcome.output == "/nowhere/shellcheck is missing. Install it: script/setup"


def test_a_failure_is_printed_with_its_repair(capsys: pytest.CaptureFixture[str]) -> None:
    lint.report(lint.Outcome(lint.Check("format", (), "ruff format"), False, "a.py", 0.1))
    assert capsys.readouterr().out.splitlines()[1:] == ["       a.py", "       Repair: ruff format"]


def test_every_shell_script_is_checked() -> None:
    names = {Path(path).name for path in lint.shell_scripts(ROOT)}
    assert {"server", "setup", "test", "lint", "lock", "manage", "run"} <= names


def test_an_overlay_that_does_not_build_is_named(tmp_path: Path) -> None:
    overlay = tmp_path / "kubernetes" / "backend" / "overlays" / "staging"
    overlay.mkdir(parents=True)
    (overlay / "kustomization.yaml").write_text("resources: [missing.yaml]\n")
    assert list(overlays.overlays(tmp_path)) == [overlay]
    said = overlays.problem(overlay)
    assert said is not None
    assert str(overlay) in said
    assert "missing.yaml" in said


def test_an_overlay_that_builds_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    said = overlays.problem(tmp_path)
    assert said is not None
    assert str(tmp_path) in said


def test_a_component_that_the_panel_would_not_render_is_named(tmp_path: Path) -> None:
    held = "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: Zm9v}}"
    (tmp_path / "web/staging").mkdir(parents=True)
    (tmp_path / "web/staging/secret.yaml").write_text(held, "utf-8")
    asked = RenderRequest(ComponentSpec("web", "web", "directory"), "staging", tmp_path, {})
    said = overlays.not_rendered(asked)
    assert said is not None and said.startswith("staging: web: Secret a holds values")


def test_every_component_is_asked_for_in_every_environment() -> None:
    asked = {(request.component.name, request.environment) for request in overlays.requests(ROOT)}
    assert {("backend", "staging"), ("redis", "production")} <= asked
