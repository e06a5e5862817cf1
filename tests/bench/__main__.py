"""Measures speed and size and prints each figure beside what is promised.

script/bench                                 every measure
script/bench rollouts                        one of them
script/bench rollouts --record               and keep what was found in docs/benchmarks.md
script/bench rollouts --environments 10      a smaller one, to look at
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from script.development.paths import ROOT
from tests.bench import history, place
from tests.bench.figures import Figure, table

MEASURES = ("rollouts", "rendering", "references", "pages", "tenants", "clicks", "live", "sizes")
"""Each is a module of this package with `run(directory, database_url, options) -> list[Figure]`, best first line its docstring's."""


def main(arguments: Sequence[str]) -> int:
    """Run the measures that were named; 1 where a promise is broken."""
    options = _parsed(arguments)
    names = options.measures or MEASURES
    if len(names) == 1:
        return 0 if _measure(names[0], options) else 1
    rest = [argument for argument in arguments if argument not in names]
    # each in a process of its own: Django is bound to one database, and memory is counted
    return max(subprocess.run([sys.executable, "-m", "tests.bench", name, *rest]).returncode for name in names)


def _measure(name: str, options: argparse.Namespace) -> bool:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, too
    with place.opened() as (directory, database_url):
        measure = importlib.import_module(f"tests.bench.{name}")
        print(f"\n{name}: {(measure.__doc__ or '').splitlines()[0]}", flush=True)
        began = time.monotonic()
        figures: list[Figure] = measure.run(directory, database_url, options)
    print(f"{table(figures)}\n  ({time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f})", flush=True)
    if options.record:
        history.record(name, _when(), figures)
    return all(figure.is_kept for figure in figures)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measures", nargs="*", choices=[[], *MEASURES], metavar="measure", help=", ".join(MEASURES))
    parser.add_argument("--record", action="store_true", help="add what was found to docs/benchmarks.md")
    parser.add_argument("--environments", type=int, default=25, help="so many promotions at once (25)")
    parser.add_argument("--components", type=int, default=40, help="Applications of each environment (40)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long all are followed (60)")
    return parser.parse_args(arguments)


def _when() -> str:
    """Date, commit and machine."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    commit = asked.stdout.strip() or "no commit"
    return f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} {commit}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
