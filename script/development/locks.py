"""Write and check the lock files: every version and hash that is installed, and no address of any package index."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

from script.development.paths import ROOT

UV = ROOT / ".tools" / "bin" / "uv"
EXPORTS: dict[str, tuple[str, ...]] = {
    "requirements.lock": ("--no-default-groups",),
    "requirements-development.lock": ("--all-extras", "--all-groups"),
    "docker/hub/requirements.lock": ("--only-group", "hub"),
}
LOCKS = (*EXPORTS, "requirements-uv.lock")


def fingerprint(pyproject: str) -> str:
    """Return the hex SHA-256 of what decides the versions in the text of a pyproject.toml; other tables do not count."""
    document = tomllib.loads(pyproject)
    project = document["project"]
    parts = [project.get(key) for key in ("requires-python", "dependencies", "optional-dependencies")]
    uv = document.get("tool", {}).get("uv", {})
    parts += [document.get("dependency-groups"), uv.get("environments"), uv.get("required-version")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def header(pyproject: str) -> str:
    """Return the first line of a lock file made from this pyproject.toml."""
    return f"# Made by script/lock from pyproject.toml, whose dependencies have the digest {fingerprint(pyproject)}."


def problems(root: Path) -> list[str]:
    """Say in one sentence each what is wrong with the lock files below `root`; empty when they are fresh and plain."""
    expected = header((root / "pyproject.toml").read_text())
    found = []
    for name in LOCKS:
        text = (root / name).read_text() if (root / name).exists() else ""
        if text.split("\n", 1)[0] != expected:
            found.append(f"{name} was not made from this pyproject.toml. Run script/lock and commit it.")
        if "://" in text or " @ " in text:
            found.append(f"{name} holds an address. Run script/lock without an index or links of your own.")
    return found


def write(arguments: list[str]) -> None:
    """Resolve with uv and write every lock file. Raises `CalledProcessError` with uv's own words on standard error."""
    subprocess.run([str(UV), "lock", "--quiet", *arguments], cwd=ROOT, check=True)
    first = header((ROOT / "pyproject.toml").read_text())
    for name, selection in EXPORTS.items():
        export = ["export", "--quiet", "--locked", "--no-emit-project", "--no-header", "--format", "requirements-txt"]
        (ROOT / name).write_text(f"{first}\n{_output([*export, *selection])}")
    (ROOT / "requirements-uv.lock").write_text(f"{first}\n{_uv_lock()}")


def _uv_lock() -> str:
    version = _output(["--version"]).split()[1]
    compile_ = ["pip", "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes", "-"]
    return _output(compile_, standard_input=f"uv=={version}\n")


def _output(arguments: list[str], standard_input: str = "") -> str:
    done = subprocess.run(
        [str(UV), *arguments], cwd=ROOT, check=True, text=True, input=standard_input, stdout=subprocess.PIPE
    )
    return done.stdout


def main() -> int:
    """Write the lock files; with `--check` only say whether they are fresh."""
    if sys.argv[1:] != ["--check"]:
        write(sys.argv[1:])
    found = problems(ROOT)
    print("\n".join(found) or "The lock files are fresh.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
