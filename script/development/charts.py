"""Write what charts of the catalog give into their overlays, for tools that know no Helm; `--check` says what is stale.

`<path>/overlays/<environment>/<component>.yaml` is the panel's own rendering, with the names of images for the release's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from deployments.renderers.base import RENDERERS, RenderError, RenderRequest
from script.development.overlays import requests
from script.development.paths import ROOT

GENERATED = (
    "# Generated from the chart by `python -m script.development.charts`. Change its templates and values instead.\n"
)
COMMAND = ".venv/bin/python -m script.development.charts"


def generated(root: Path) -> Iterator[tuple[Path, str]]:
    """Path and text of every file that follows from a chart."""
    for request in requests(root):
        if request.component.renderer == "helm":
            overlay = root / request.component.path / "overlays" / request.environment
            yield overlay / f"{request.component.name}.yaml", GENERATED + _text(request)


def _text(request: RenderRequest) -> str:
    files = RENDERERS["helm"].render(request).files
    text = "---\n".join(files[path].decode() for path in sorted(files))
    for key, image in request.images.items():
        text = text.replace(f"image: {image}\n", f"image: {key}\n")
    return text


def main() -> int:
    """Write, or with `--check` name what is stale; returns 1 for a stale file and for a chart that does not render."""
    try:
        wanted = dict(generated(ROOT))
    except RenderError as error:
        print(error)
        return 1
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv:
        print(
            "\n".join(f"{path.relative_to(ROOT)} is stale." for path in stale) or f"{len(wanted)} files are up to date."
        )
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path], "utf-8")
    print("\n".join(f"Wrote {path.relative_to(ROOT)}." for path in stale) or "Everything is up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
