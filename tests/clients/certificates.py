"""An authority of the tests' own and certificates that it signed, made by openssl."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = "DNS:localhost,IP:127.0.0.1"


@dataclass(frozen=True)
class Certificate:
    file: Path
    key: Path


class Authority:
    """Signs certificates; `file` is what has to be known to believe them."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self.file, self._key = directory / f"{name}.pem", directory / f"{name}.key"
        _openssl("req", "-x509", *_new_key(self._key), "-out", self.file, "-subj", f"/CN={name}", "-days", "2")

    def sign(self, name: str, *, names: str = HERE, days: int = 2) -> Certificate:
        """A certificate for `names`; one of -1 days has expired yesterday."""
        made = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        request, extensions = self._directory / f"{name}.csr", self._directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n")
        _openssl("req", *_new_key(made.key), "-out", request, "-subj", f"/CN={name}")
        by = ("-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-days", str(days), "-extfile", extensions)
        _openssl("x509", "-req", "-in", request, "-out", made.file, *by)
        return made


def _new_key(file: Path) -> tuple[str | Path, ...]:
    return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file


def _openssl(*arguments: str | Path) -> None:
    assert shutil.which("openssl"), "openssl was not found. Install it: apt-get install openssl"
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
