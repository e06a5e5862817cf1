"""`script/lint`: every check that needs no test to run; all are run, and what failed is shown whole."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from script.development import charts, compose
from script.development.paths import ROOT

BIN = Path(sys.executable).parent
INSTALL = "script/setup"
AT_ONCE = 2


@dataclass(frozen=True)
class Check:
    """One command. `repair` is the command that repairs what it finds, if there is one."""

    name: str
    command: Sequence[str]
    repair: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a check said, and how long it took in seconds."""

    check: Check
    passed: bool
    output: str
    seconds: float


def tool(name: str) -> str:
    """The path of a tool that script/setup installed; a missing one is the path that will be missed."""
    return str(BIN / name)


def python(*arguments: str) -> tuple[str, ...]:
    """A command of our own Python."""
    return (sys.executable, *arguments)


def checks() -> Iterator[Check]:
    """Every check; the slowest first."""
    yield Check("types", (tool("mypy"),))
    yield Check("templates", (tool("djlint"), "--lint", "--quiet", "templates"))
    yield Check("django", python("manage.py", "check", "--fail-level", "WARNING"))
    yield Check("migrations", python("manage.py", "makemigrations", "--check", "--dry-run"), "manage.py makemigrations")
    yield Check("borders", (tool("lint-imports"),))
    yield Check("overlays", python("-m", "script.development.overlays"))
    yield Check(
        "argo", python("-m", "controlpanel.catalog.argo", "--check"), ".venv/bin/python -m controlpanel.catalog.argo"
    )
    yield Check("charts", python("-m", "script.development.charts", "--check"), charts.COMMAND)
    yield Check("diagram", python("-m", "script.development.diagram", "--check"), "script/diagram")
    yield Check("policies", python("-m", "script.development.policies"))
    yield Check("schemas", python("-m", "script.development.schemas"))
    yield Check("prometheus", python("-m", "script.development.prometheus"))
    yield Check("compose", python("-m", "script.development.compose"))
    yield Check("compose-lint", (tool("compose-lint"), *map(str, compose.files(ROOT))))
    yield Check("docker", (tool("hadolint"), *map(str, sorted((ROOT / "docker").rglob("*Dockerfile")))))
    yield Check("workflows", (tool("zizmor"), "--offline", "--quiet", ".github"))
    yield Check("secrets", python("-m", "script.development.literal_secrets"))
    yield Check("style", (tool("ruff"), "check", "--output-format", "concise"), ".venv/bin/ruff check --fix")
    yield Check("format", (tool("ruff"), "format", "--check", "--output-format", "concise"), ".venv/bin/ruff format")
    yield Check("rules", python("-m", "script.development.rules"))
    yield Check("yaml", (tool("yamllint"), "--strict", "."))
    yield Check("shell", (tool("shellcheck"), "--external-sources", *shell_scripts(ROOT)))
    yield Check("locks", python("-m", "script.development.locks", "--check"), "script/lock")


def shell_scripts(root: Path) -> list[str]:
    """The paths of the shell scripts: what starts with bash's line in the directories that hold them."""
    places = [path for place in ("script", ".ci") for path in sorted((root / place).glob("*")) if path.is_file()]
    return [str(path) for path in places if path.read_bytes().startswith(b"#!/usr/bin/env bash")]


def run(check: Check, environment: Mapping[str, str]) -> Outcome:
    """Run one check to its end; a missing tool is a failure that names the command that installs it."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            check.command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        passed, output = done.returncode == 0, done.stdout
    except FileNotFoundError as error:
        passed, output = False, f"{error.filename} is missing. Install it: {INSTALL}"
    return Outcome(check, passed, output.strip(), time.monotonic() - began)


def report(outcome: Outcome) -> None:
    """Print one line, and what the check said when it failed."""
    print(f"{'ok  ' if outcome.passed else 'FAIL'} {outcome.check.name:<12} {outcome.seconds:5.1f} s", flush=True)
    if not outcome.passed:
        print("\n".join(f"       {line}" for line in outcome.output.splitlines()))
        if outcome.check.repair:
            print(f"       Repair: {outcome.check.repair}")


def complete_environment() -> dict[str, str]:
    """The environment in which Django can be loaded without a database: nothing of these checks connects to one."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "controlpanel.settings_test", "NO_COLOR": "1"}


def _selected() -> list[Check]:
    known = list(checks())
    parser = argparse.ArgumentParser(prog="script/lint", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(c.name for c in known)}")
    wanted = set(parser.parse_args().names)
    if unknown := wanted - {check.name for check in known}:
        parser.error(f"there is no check {', '.join(sorted(unknown))}")
    return [check for check in known if not wanted or check.name in wanted]


def main() -> int:
    """Run the checks and return 1 when one failed."""
    began = time.monotonic()
    environment = complete_environment()
    with ThreadPoolExecutor(AT_ONCE) as runners:
        failed = []
        for outcome in runners.map(lambda check: run(check, environment), _selected()):
            report(outcome)
            failed += [] if outcome.passed else [outcome.check.name]
    seconds = time.monotonic() - began
    print(
        f"script/lint: {f'{len(failed)} failed: ' + ', '.join(failed) if failed else 'all passed'} in {seconds:.0f} s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
