"""Attacks one target, or all, for a time: `python -m tests.fuzz [target …] --seconds 3600 --seed 7`.

An input that breaks a promise is written to the current folder, its name and the broken promise are printed, and the run ends with 1.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import traceback
from pathlib import Path

from tests.fuzz.mutation import inputs
from tests.fuzz.targets import TARGETS, attack


def main() -> int:
    """Attack; 0 where every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (60)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6, help="gives the same inputs again")
    options = parser.parse_args()
    return max(_attacked(name, options.seconds, options.seed) for name in options.targets or TARGETS)


def _attacked(name: str, seconds: float, seed: int) -> int:
    end, count = time.monotonic() + seconds, 0
    for data in inputs(seed):
        if time.monotonic() >= end:
            break
        count += 1
        try:
            attack(name, data)
        except Exception:  # noqa: BLE001  # whatever it is, it is what is looked for
            found = Path(f"fuzz-{name}-{hashlib.sha256(data).hexdigest()[:12]}")
            found.write_bytes(data)
            traceback.print_exc()
            print(f"{name}: input {count} of seed {seed} breaks a promise; it is kept in {found}.")
            return 1
    print(f"{name}: {count:,} inputs of seed {seed}, none breaks a promise.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
