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

from script.development.errors import CannotGoOn
from script.development.paths import ROOT

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NOTHING_COLLECTED = 5
SIGTERM_GRACE = 10.0
PATIENCE = 3
"""How much longer than its time a group may take: other work may keep the machine busy."""
HANG_SECONDS = 60


@dataclass(frozen=True)
class Group:
    """Tests that belong together; `seconds` is the time that they may take on an idle machine of two processors."""

    name: str
    arguments: Sequence[str]
    seconds: int
    needs_chromium: bool = False


APART = ("contract", "browser", "chaos", "bench")
GROUPS = (
    Group("unit", ("tests", *(f"--ignore=tests/{name}" for name in APART), "-n", "2"), 240),
    Group("contract", ("tests/contract", "-n", "2"), 60),
    Group("browser", ("tests/browser",), 180, needs_chromium=True),
    Group("chaos", ("tests/chaos",), 180),
)


def ensure_chromium() -> None:
    """Find Chromium, or install it as root from the distribution. Raises `CannotGoOn` with the command otherwise."""
    if any(map(shutil.which, CHROMIUM)):
        return
    command = "apt-get update && apt-get install --yes --no-install-recommends chromium"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CannotGoOn(f"Chromium was not found and the browser's tests need it. Run: sudo sh -c '{command}'")
    print("script/test: installing Chromium for the browser's tests ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["sh", "-c", command], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode or not any(map(shutil.which, CHROMIUM)):
        raise CannotGoOn(f"Chromium could not be installed. Try: {command}", done.stderr.splitlines()[-10:])


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
    if any(group.needs_chromium for group in groups):
        ensure_chromium()
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
