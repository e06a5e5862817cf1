"""`script/release-images RELEASE`: prints the images of a release, one a line, as `KEY=NAME@sha256:…`.

PANEL_URL is the panel's address, PANEL_TOKEN a token of any scope.
"""

from __future__ import annotations

import argparse
import sys
import urllib.parse

from script.development.panel_api import Away, NotNamed, Panel, Refused


def main() -> int:
    """Print the images; returns 1 with a sentence where the panel has no such release."""
    parser = argparse.ArgumentParser(prog="script/release-images", description=__doc__)
    parser.add_argument("release", metavar="RELEASE", help="the version of a release")
    version = parser.parse_args().release
    try:
        found = Panel.of_environment().get(f"releases/{urllib.parse.quote(version, safe='')}")
    except (NotNamed, Refused, Away) as error:
        print(f"script/release-images: {error}", file=sys.stderr)
        return 1
    print("\n".join(f"{key}={image}" for key, image in found["images"].items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
