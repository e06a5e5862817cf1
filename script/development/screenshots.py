"""`script/screenshots`: the README's pictures, taken with Chromium from the running `script/server` and its demo fleet."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from script.development import environment
from script.development.errors import CannotGoOn
from script.development.paths import ROOT, RUN
from script.development.rundirectory import is_live
from script.development.testing import CHROMIUM

PERSON = "elif"
SIZE: ViewportSize = {"width": 1280, "height": 800}
PICTURES = {
    "pipeline": "/",
    "tenants": "/tenants",
    "tenant": "/tenants/nova-fertility?environment=production",
}


def take(address: str, password: str, directory: Path) -> list[Path]:
    """Sign in and take each picture; returns the files. Raises `CannotGoOn` where that is not possible."""
    program = next(filter(None, map(shutil.which, CHROMIUM.commands)), None)
    if program is None:
        raise CannotGoOn("Chromium was not found. Install it: apt-get install chromium")
    directory.mkdir(parents=True, exist_ok=True)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own sandbox refuses root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
        _sign_in(page, address, password)
        files = [_take(page, f"{address}{path}", directory / f"{name}.png") for name, path in PICTURES.items()]
        browser.close()
    return files


def _printed_password() -> str:
    """The demo's, out of what `script/server` keeps of its announcement."""
    story = RUN / "demo.txt"
    found = re.search(r"password (\S+)", story.read_text()) if story.exists() else None
    if found is None:
        raise CannotGoOn("There is no demo fleet here. Give --password.")
    return found[1]


def _sign_in(page: Page, address: str, password: str) -> None:
    page.goto(f"{address}/login")
    page.fill("input[name=username]", PERSON)
    page.fill("input[name=password]", password)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state()
    if page.url.startswith(f"{address}/login"):
        raise CannotGoOn(f"{PERSON} could not sign in at {address}. Start script/server with its demo fleet.")


def _take(page: Page, url: str, file: Path) -> Path:
    page.goto(url)
    page.wait_for_load_state("load")
    page.screenshot(path=file)
    return file


def main() -> int:
    """Take the pictures and return the exit status."""
    parser = argparse.ArgumentParser(prog="script/screenshots", description=__doc__)
    parser.add_argument("--password", help=f"of {PERSON} (default: what script/server printed)")
    parser.add_argument("--directory", type=Path, default=ROOT / "docs/pictures", help="where the pictures go")
    options = parser.parse_args()
    try:
        if not is_live(RUN):
            raise CannotGoOn("script/server is not running. Start it first.")
        address = environment.read(RUN / "environment")["PUBLIC_URL"]
        for file in take(address, options.password or _printed_password(), options.directory):
            print(file)
    except CannotGoOn as error:
        print(f"script/screenshots: {error.sentence}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
