"""Every page in Chromium, in both themes and at two widths: accessible, never scrolling sideways, without a complaint; and a picture of each."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.panel import Panel, signed_in

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", ".run/screenshots"))
"""Every page, in both themes and at two widths, to be looked at."""


PAGES = (
    "/", "/promotions", "/promotions?environment=staging&state=ended", "/promotions?requester=nobody", "/releases", "/releases/new",
    "/releases/2026.11.0", "/environments/staging", "/environments/production", "/audit", "/audit?who=nobody", "/search?q=2026",
    "/insights", "/compare", "/compare?from=2026.11.1&to=2026.11.3", "/environments/staging/promote?release=2026.11.3",
    "/environments/production/promote?release=2026.11.3", "/environments/staging/rollback", "/promotions/1001", "/promotions/1001?tab=log",
    "/promotions/1001?tab=commit", "/promotions/1001?tab=audit", "/applications", "/applications?show=differs",
    "/applications/backend-staging", "/applications/backend-staging?resource=Deployment/backend", "/settings/account",
    "/settings/tokens", "/settings/catalog",
)  # fmt: skip
WITHOUT_THE_FRAME = ("/releases/2026.11.33", "/nowhere", "/settings/status")
"""Errors: not found with the nearest name, not found, not allowed."""


@pytest.fixture(scope="module")
def lived_in(panel: Panel) -> Panel:
    """Three releases have been to both environments; somebody administers, too."""
    panel.world.manage("demo", "--history")
    panel.root_password = panel.world.manage("create_user", "root", "--role", "administrator").strip()
    return panel


@pytest.mark.timeout(400)  # more than thirty pages, each held against axe
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_keeps_anyone_out(browser: Browser, lived_in: Panel, width: int, theme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    page = signed_in(context.new_page(), lived_in)
    for path in PAGES:
        look(page, lived_in, path, f"{width}-{theme}")
    assert lived_in.complaints == []
    for path in WITHOUT_THE_FRAME:
        look(page, lived_in, path, f"{width}-{theme}")
    lived_in.complaints.clear()  # Chromium complains of each answer that is no 200
    context.close()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    look(
        signed_in(page, lived_in, "root", lived_in.root_password), lived_in, "/settings/status", f"{width}-{theme}-root"
    )
    page.close()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    look(page, lived_in, "/login", f"{width}-{theme}")
    page.close()


def look(page: Page, panel: Panel, path: str, look_name: str) -> None:
    """Open it, hold it against axe and the width of the window, and take its picture."""
    page.goto(f"{panel.url}{path}")
    serious = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == [], f"{path}: {[(one['id'], [node['html'][:120] for node in one['nodes']]) for one in serious]}"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{path} scrolls sideways"
    page.screenshot(path=SCREENSHOTS / f"{look_name}{re.sub('[^a-z0-9]+', '-', path)}.png", full_page=True)
