"""A real OpenSSH server on a free port of this machine, for this user alone, with keys made for the tests.

with SSHServer(directory) as server:
    GitRepository(server.url(path), cache, credentials=GitCredentials(ssh_key_file=…, known_hosts_file=…))
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

PATIENCE_SECONDS = 20.0
PRIVILEGES = Path("/run/sshd")
"""Where sshd insists on an empty directory when root starts it; the service makes it, and here is no service."""
PASSPHRASE = "open-sesame-5c1e"  # of a key that the panel cannot use


class SSHServer:
    """What clients use is below `keys`, a folder that has to be quoted: `key` is accepted, `locked` too but has a
    passphrase, `stranger` is not; `known` has the server's host key, `changed` another one for the same address."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.keys = directory / "keys, not 100% plain"
        self.keys.mkdir()
        self.key, self.locked, self.stranger = map(self._made, ("key", "locked", "stranger"))
        self.port = _free_port()
        self.known = self._hosts("known", self._made("host", directory))
        self.changed = self._hosts("changed", self._made("host-of-others", directory))
        accepted = [self.key.with_suffix(".pub").read_text(), self.locked.with_suffix(".pub").read_text()]
        (directory / "accepted").write_text("".join(accepted))
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, repository: Path) -> str:
        """The address of a repository on this machine."""
        return f"ssh://{pwd.getpwuid(os.geteuid()).pw_name}@127.0.0.1:{self.port}{repository}"

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            PRIVILEGES.mkdir(mode=0o755, exist_ok=True)
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen([program(), "-D", "-e", "-f", str(self._configuration())], stderr=log)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self._directory / "log").read_text()
            assert time.monotonic() < deadline, "sshd does not answer"
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def _made(self, name: str, directory: Path | None = None) -> Path:
        file = (directory or self.keys) / name
        words = PASSPHRASE if name == "locked" else ""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", words, "-C", name, "-f", str(file)], check=True)
        return file

    def _hosts(self, name: str, key: Path) -> Path:
        kind, public, _ = key.with_suffix(".pub").read_text().split()
        file = self.keys / name
        file.write_text(f"[127.0.0.1]:{self.port} {kind} {public}\n")
        return file

    def _configuration(self) -> Path:
        file = self._directory / "configuration"
        file.write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self._directory}/host\n"
            f"AuthorizedKeysFile {self._directory}/accepted\nStrictModes no\nUsePAM no\nPidFile none\n"
            "PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        )
        return file

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
                return link.recv(4) == b"SSH-"
        except OSError:
            return False


def program() -> str:
    """Where sshd is: it starts itself again, so it wants its whole path."""
    found = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert found, "sshd was not found. Install it: apt-get install openssh-server (script/test does it as root)."
    return found


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
