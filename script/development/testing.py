"""`script/test`: all tests in groups, each within its time; arguments are handed to pytest instead.

script/test                          everything
script/test tests/catalog -k waves   what pytest selects
script/test --group contract         one group
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from script.development.errors import CannotGoOn
from script.development.paths import ROOT

NOTHING_COLLECTED = 5
SIGTERM_GRACE = 10.0
PATIENCE = 3
"""How much longer than its time a group may take: other work may keep the machine busy."""
HANG_SECONDS = 60
SYSTEMD = Path("/run/systemd/system")
"""There while systemd runs the machine, which then starts every service that is installed."""


@dataclass(frozen=True)
class Program:
    """What tests need of the machine, and the distribution's package that holds it."""

    name: str
    commands: Sequence[str]
    package: str
    purpose: str
    is_service: bool = False

    def is_here(self) -> bool:
        """Whether one of its commands is found, also where only root looks."""
        return any(shutil.which(command, path=f"{os.environ['PATH']}:/usr/sbin") for command in self.commands)


CHROMIUM = Program(
    "Chromium",
    ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "chromium",
    "the browser's tests",
)
SSHD = Program("sshd", ("sshd",), "openssh-server", "the tests of Git over ssh", is_service=True)
OPENSSL = Program("openssl", ("openssl",), "openssl", "the tests of Git over https")


@dataclass(frozen=True)
class Group:
    """Tests that belong together; `seconds` is the time that they may take on an idle machine of two processors."""

    name: str
    arguments: Sequence[str]
    seconds: int
    needs: Sequence[Program] = ()


APART = ("tests/contract", "tests/browser", "tests/whole", "tests/chaos", "tests/bench")
WORLDS = (
    "tests/docs/test_commands.py",
    "tests/docs/test_deploying.py",
    "tests/development/test_server.py",
    "tests/deployments/commands/test_outside.py",
    "tests/core/test_alive.py",
)
"""They start servers as those of tests/whole do, and mostly wait for them: they run beside each other."""
WHOLE_FILES = ("--dist", "loadfile", "--no-loadscope-reorder")
"""What a file starts for its tests starts once; tests/conftest.py says which file comes first."""
WITHOUT_BROWSER = ("-p", "no:playwright")
# Files that mostly wait, for pages or for leases to end, run beside each other.
GROUPS = (
    Group(
        "unit",
        ("tests", *(f"--ignore={path}" for path in (*APART, *WORLDS)), "-n", "3", *WHOLE_FILES, *WITHOUT_BROWSER),
        240,
        (SSHD, OPENSSL),
    ),
    Group("contract", ("tests/contract", "-n", "2"), 60),
    Group("browser", ("tests/browser", "-n", "2", *WHOLE_FILES), 180, (CHROMIUM,)),
    Group("whole", ("tests/whole", *WORLDS, "-n", "7", *WHOLE_FILES, *WITHOUT_BROWSER), 210, (SSHD, OPENSSL)),
    Group("chaos", ("tests/chaos", "-n", "5", *WHOLE_FILES, *WITHOUT_BROWSER), 180),
)


def ensure(program: Program) -> None:
    """Find it, or install it as root from the distribution. Raises `CannotGoOn` with the command otherwise."""
    if program.is_here():
        return
    command = f"apt-get update && apt-get install --yes --no-install-recommends {program.package}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None or (program.is_service and SYSTEMD.exists()):
        raise CannotGoOn(
            f"{program.name} was not found and {program.purpose} need it. Run: sudo sh -c '{command}'",
            [f"script/test: {program.package} would also be started as a service."] if program.is_service else [],
        )
    print(f"script/test: installing {program.name} for {program.purpose} ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["sh", "-c", command], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode or not program.is_here():
        raise CannotGoOn(f"{program.name} could not be installed. Try: {command}", done.stderr.splitlines()[-10:])


def run_pytest(arguments: Sequence[str], seconds: float | None = None) -> int:
    """Run pytest and return its exit status; one that takes longer than `seconds` is ended and counts as failed."""
    # Playwright's synchronous interface runs an event loop, in which Django would refuse to touch the database.
    environment = {**os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
    command = [sys.executable, "-m", "pytest", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL) as pytest:
        try:
            return pytest.wait(seconds)
        except subprocess.TimeoutExpired:
            print(f"script/test: ended after its {seconds:.0f} s.", flush=True)
            return _end(pytest)
        except KeyboardInterrupt:
            _end(pytest)
            raise


def _end(pytest: subprocess.Popen[bytes]) -> int:
    pytest.terminate()
    try:
        pytest.wait(SIGTERM_GRACE)
    except subprocess.TimeoutExpired:
        pytest.kill()
    return 1


def run_group(group: Group) -> str:
    """Run one group and return "passed", "no tests" or "failed"."""
    if not (ROOT / group.arguments[0]).exists():
        return "no tests"
    print(f"\n=== {group.name} (at most {group.seconds} s)", flush=True)
    # pytest ends the session with its report when the time is long over; the hard end is for a pytest that hangs.
    limit = group.seconds * PATIENCE
    status = run_pytest((*group.arguments, "-q", "--durations=5", f"--session-timeout={limit}"), limit + HANG_SECONDS)
    return {0: "passed", NOTHING_COLLECTED: "no tests"}.get(status, "failed")


def run_groups(groups: Sequence[Group]) -> int:
    """Run the groups one after the other and return 1 when one failed."""
    for program in dict.fromkeys(program for group in groups for program in group.needs):
        ensure(program)
    lines = []
    for group in groups:
        began = time.monotonic()
        outcome = run_group(group)
        seconds = time.monotonic() - began
        slow = " (too slow)" if seconds > group.seconds else ""
        lines.append(f"{group.name:<9} {outcome:<9} {seconds:5.0f} s of {group.seconds} s{slow}")
    print("\n=== script/test\n" + "\n".join(lines), flush=True)
    return 1 if any(" failed " in line for line in lines) else 0


def main() -> int:
    """Run what the command line asks for and return the exit status."""
    arguments = sys.argv[1:]
    if arguments in (["-h"], ["--help"]):
        print(f"{__doc__}\nGroups: {', '.join(f'{g.name} ({g.seconds} s)' for g in GROUPS)}")
        return 0
    try:
        if arguments[:1] == ["--group"]:
            return run_groups([group for group in GROUPS if group.name in arguments[1:]] or list(GROUPS))
        return run_pytest(arguments) if arguments else run_groups(GROUPS)
    except CannotGoOn as error:
        print(*error.lines, f"script/test: {error.sentence}", sep="\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
