"""The panel's own image gets into its overlay by its digest, and by nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from script.development.panel_image import OVERLAYS, NotWritten, write
from script.development.paths import ROOT

IMAGE = f"ghcr.io/example/hub/control-panel@sha256:{'0f' * 32}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / OVERLAYS, tmp_path / OVERLAYS)
    return tmp_path


def test_one_overlay_names_the_image_and_nothing_else_changes(copy: Path) -> None:
    before = {path: path.read_text() for path in copy.rglob("*.yaml")}

    file = write(copy, "production", IMAGE)

    name, digest = IMAGE.split("@")
    zeros = f"sha256:{'0' * 64}"
    changed = before.pop(file).replace(zeros, digest).replace("registry.example.com/control-panel", name)
    assert file.read_text() == changed
    assert digest in changed
    assert {path: path.read_text() for path in before} == before


def test_writing_it_again_or_another_is_the_same_command(copy: Path) -> None:
    other = IMAGE.replace("0f", "1e")
    first = write(copy, "staging", IMAGE).read_text()
    assert write(copy, "staging", IMAGE).read_text() == first
    assert write(copy, "staging", other).read_text() == first.replace("0f" * 32, "1e" * 32)


@pytest.mark.parametrize(
    ("environment", "image", "reason"),
    [
        ("production", "control-panel:1.2", "no image by its digest"),
        ("production", f"control-panel@sha256:{'0' * 64}", "no image by its digest"),
        ("production", f"{IMAGE}\n    evil: true", "no image by its digest"),
        ("live", IMAGE, "There are production, staging."),
        ("../base", IMAGE, "no entry control-panel"),
    ],
)
def test_what_is_no_digest_or_no_overlay_changes_nothing(copy: Path, environment: str, image: str, reason: str) -> None:
    before = {path: path.read_text() for path in copy.rglob("*.yaml")}
    (copy / OVERLAYS.parent / "base").mkdir()
    (copy / OVERLAYS.parent / "base/kustomization.yaml").write_text("resources: []\n")

    with pytest.raises(NotWritten, match=reason):
        write(copy, environment, image)

    assert {path: path.read_text() for path in before} == before


def test_the_repository_names_nobodys_image() -> None:
    for file in (ROOT / OVERLAYS).glob("*/kustomization.yaml"):
        assert f"digest: sha256:{'0' * 64}" in file.read_text()
