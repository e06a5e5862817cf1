"""`script/panel-image ENVIRONMENT IMAGE`: writes the panel's own image into `kubernetes/control-panel/overlays/ENVIRONMENT`.

IMAGE is a name with a digest, as `docker push` and the workflow `panel-image.yml` print it. The repository holds zeros, which are
nobody's image, so that no panel runs what its operators did not choose.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from script.development.paths import ROOT

OVERLAYS = Path("kubernetes/control-panel/overlays")
_IMAGE = re.compile(r"(?P<name>[a-z0-9][a-z0-9._/:-]*)@(?P<digest>sha256:(?!0{64})[0-9a-f]{64})")
_ENTRY = re.compile(r"(- name: control-panel\n +newName: )\S+(\n +digest: )\S+")


class NotWritten(Exception):
    """Says what is wrong and what to do."""


def write(root: Path, environment: str, image: str) -> Path:
    """Put an image into an overlay and return its file. Raises NotWritten for a name without digest and for no such overlay."""
    named = _IMAGE.fullmatch(image)
    if named is None:
        raise NotWritten(f"{image} is no image by its digest. Give NAME@sha256:…, as docker push printed it.")
    file = root / OVERLAYS / environment / "kustomization.yaml"
    if not file.is_file():
        known = sorted(one.parent.name for one in (root / OVERLAYS).glob("*/kustomization.yaml"))
        raise NotWritten(f"There is no overlay {environment}. There are {', '.join(known)}.")
    text, written = _ENTRY.subn(rf"\g<1>{named['name']}\g<2>{named['digest']}", file.read_text("utf-8"))
    if written != 1:
        raise NotWritten(f"{file} has no entry control-panel with newName and digest under images. Add it.")
    file.write_text(text, "utf-8")
    return file


def main() -> int:
    """Write the image; returns 1 with a sentence where it cannot be."""
    parser = argparse.ArgumentParser(prog="script/panel-image", description=__doc__)
    parser.add_argument("environment", metavar="ENVIRONMENT", help="staging or production")
    parser.add_argument("image", metavar="IMAGE", help="NAME@sha256:…")
    given = parser.parse_args()
    try:
        file = write(ROOT, given.environment, given.image)
    except NotWritten as error:
        print(f"script/panel-image: {error}", file=sys.stderr)
        return 1
    print(f"{file.relative_to(ROOT)} names {given.image}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
