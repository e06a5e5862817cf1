"""The workflows of .github/, and their shell steps run as GitHub would run them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.world import ROOT

FOLDER = ROOT / ".github/workflows"
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


@cache
def workflow(name: str) -> dict[str, Any]:
    """One file; `on` is read as YAML 1.1 reads it, as true."""
    read: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    return read


def names() -> list[str]:
    return sorted(path.name for path in FOLDER.glob("*.yml"))


@dataclass(frozen=True)
class Step:
    """A shell step with the variables that it gets; `condition` is its `if`."""

    name: str
    run: str
    environment: dict[str, str]
    condition: str


def shell_steps(file: str, job: str, values: Mapping[str, str]) -> list[Step]:
    """The steps of a job that are shell. `values` are the expressions' values; one that is missing fails."""
    document = workflow(file)
    of_job = document["jobs"][job]
    steps = []
    for step in of_job["steps"]:
        if "run" in step:
            variables = {**document.get("env", {}), **of_job.get("env", {}), **step.get("env", {})}
            filled = {
                name: EXPRESSION.sub(lambda match: values[match[1]], str(value)) for name, value in variables.items()
            }
            steps.append(Step(step.get("name", ""), step["run"], filled, step.get("if", "")))
    return steps


def run(step: Step, directory: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a step with GitHub's own options for bash."""
    script = directory / ".step.sh"
    script.write_text(step.run)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)], cwd=directory, text=True, timeout=240,
        env={**environment, **step.environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def stand_in(directory: Path, *programs: str) -> Path:
    """Programs that write down what they are asked and say yes; returns the file that they write to."""
    directory.mkdir()
    log = directory / "log"
    log.touch()
    for program in programs:
        path = directory / program
        path.write_text(f'#!/bin/sh\necho "{program} $*" >> "{log}"\n')
        path.chmod(0o755)
    return log
