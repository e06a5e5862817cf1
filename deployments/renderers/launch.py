"""The first moments of a renderer's child: take away network and means, then become the tool. Imports nothing of ours.

Called as `python -I -S launch.py <isolate|share> <bytes that a file may get> <program> [argument…]`; exits with 125 where isolating is not possible.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

CANNOT_ISOLATE = 125

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

_MIB = 1024 * 1024
# Go reserves far more address space than it uses, so the data segment is what holds its memory down.
_LIMITS = {
    resource.RLIMIT_AS: 8192 * _MIB,
    resource.RLIMIT_DATA: 768 * _MIB,
    resource.RLIMIT_CPU: 20,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 256,
}


def main(mode: str, write_limit: int, program: list[str]) -> int:
    """Isolate if asked to, set the limits and replace this program by the tool; returns only where that failed."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    namespaces = _CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWNET | _CLONE_NEWUSER
    if mode == "isolate" and libc.unshare(namespaces) != 0:
        return CANNOT_ISOLATE
    if not program:
        return 0
    for limit, value in {**_LIMITS, resource.RLIMIT_FSIZE: write_limit}.items():
        _, hard = resource.getrlimit(limit)
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (lowered, lowered))
    os.execve(program[0], program, dict(os.environ))  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
