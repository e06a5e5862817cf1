"""The hook refuses a file with a credential, whatever its format, and passes the repository."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.credentials import KINDS, drawn

ROOT = Path(__file__).parents[2]


def hook(*files: Path) -> subprocess.CompletedProcess[str]:
    """Run the hook as pre-commit does."""
    command = [sys.executable, "-m", "script.development.literal_secrets", *map(str, files)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_each_planted_credential_is_refused_by_file_and_line_and_never_repeated(tmp_path: Path) -> None:
    credentials = drawn(random.SystemRandom().randrange(10**9))
    names = ["values.yaml", ".env.local", "README.md", "deploy.yml", "settings.py"]
    for number, one in enumerate(credentials):
        separator = ": " if number % 5 in (0, 3) else "="
        value = one.value.replace("\n", "\\n")
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / names[number % 5]).write_text(f'# a\n{one.field}{separator}"{value}"\n')

    done = hook(*sorted(tmp_path.glob("*/*")))

    found = {line.split(": line 2")[0] for line in done.stdout.splitlines() if ": line 2" in line}
    assert (done.returncode, len(found)) == (1, len(credentials))
    assert [one.kind for one in credentials if one.value in done.stdout] == []
    assert len({one.kind for one in credentials}) == len(KINDS) >= 12


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"secretName: hub\n"])
def test_what_holds_none_passes(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.yaml"
    file.write_bytes(content)

    assert hook(file, tmp_path / "gone").returncode == 0
