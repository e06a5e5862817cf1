"""The program `helm`: taken out of the wheel that is locked, and refused where it is another one."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from script.development import helm


def wheel_with(program: bytes | None, path: Path) -> Path:
    layer, package = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(layer, "w") as inner:
        inner.writestr("kubectl/kubectl" if program is None else "helm/helm", program or b"")
    with tarfile.open(fileobj=package, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/lib/layer.zip")
        entry.size = len(layer.getvalue())
        archive.addfile(entry, io.BytesIO(layer.getvalue()))
    with zipfile.ZipFile(path / "a.whl", "w") as outer:
        outer.writestr("a/_jsii/a.tgz", package.getvalue())
    return path / "a.whl"


def test_the_program_is_written_so_that_it_runs(tmp_path: Path) -> None:
    program = b"#!/bin/sh\n"
    helm.install(wheel_with(program, tmp_path), tmp_path / "helm", sha256=hashlib.sha256(program).hexdigest())
    assert (tmp_path / "helm").read_bytes() == program
    assert (tmp_path / "helm").stat().st_mode & 0o111


def test_another_program_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    (tmp_path / "helm").write_bytes(b"old")
    with pytest.raises(helm.WrongHelm, match="is meant"):
        helm.install(wheel_with(b"changed", tmp_path), tmp_path / "helm")
    assert (tmp_path / "helm").read_bytes() == b"old"


def test_a_wheel_without_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(helm.WrongHelm, match="holds no helm"):
        helm.install(wheel_with(None, tmp_path), tmp_path / "helm")
