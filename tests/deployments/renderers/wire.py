"""A network of its own for a test, in which every packet is counted and a port listens."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NEW_NETWORK = 0x40000000
_SET_FLAGS, _UP = 0x8914, 0x41


class Wire:
    """The listening port, and what came by."""

    def __init__(self, port: int, listening: socket.socket, *, counts: bool) -> None:
        self.port = port
        self._listening = listening
        self._counts = counts
        self._before = _packets() if counts else 0

    def touched(self) -> bool:
        """Whether anything was sent to anywhere since the start, or (where it cannot be counted) to the port."""
        with suppress(BlockingIOError):
            self._listening.accept()[0].close()
            return True
        return self._counts and _packets() != self._before


@contextmanager
def wire() -> Iterator[Wire]:
    """Move this thread, and what it starts, into a new network; back again at the end."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    moved = libc.unshare(_NEW_NETWORK) == 0
    try:
        with socket.socket() as listening:
            if moved:
                fcntl.ioctl(listening, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            listening.setblocking(False)
            yield Wire(listening.getsockname()[1], listening, counts=moved)
    finally:
        if moved:
            assert libc.setns(home, _NEW_NETWORK) == 0
        os.close(home)


def _packets() -> int:
    """Packets that any interface of this thread's network sent or received."""
    lines = Path("/proc/thread-self/net/dev").read_text("ascii").splitlines()[2:]
    fields = [line.partition(":")[2].split() for line in lines]
    return sum(int(values[1]) + int(values[9]) for values in fields)
