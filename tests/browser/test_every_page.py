"""Every page in Chromium, in both themes and at two widths: accessible, never scrolling sideways, without a complaint; and a picture of each."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.panel import Panel, signed_in

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", ".run/screenshots"))
"""Every page, in both themes and at two widths, to be looked at."""


@pytest.fixture(scope="module")
def lived_in(panel: Panel) -> Panel:
    """Three releases have been to both environments."""
    panel.world.manage("demo", "--history")
    return panel


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_keeps_anyone_out(browser: Browser, lived_in: Panel, width: int, theme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
    page = signed_in(context.new_page(), lived_in)
    pages = ("/", "/promotions", "/releases", "/releases/new", "/releases/2026.11.0", "/environments/staging", "/audit",
             "/search?q=2026", "/insights", "/compare", "/compare?from=2026.11.1&to=2026.11.3",
             "/environments/staging/promote?release=2026.11.3", "/environments/staging/rollback", "/promotions/1001", "/applications",
             "/applications/backend-staging", "/applications/backend-staging?resource=Deployment/backend", "/settings/account",
             "/settings/tokens", "/settings/catalog")  # fmt: skip
    for path in pages:
        page.goto(f"{lived_in.url}{path}")
        serious = [one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")]
        assert serious == [], (
            f"{path}: {[(one['id'], [node['html'][:120] for node in one['nodes']]) for one in serious]}"
        )
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{path} scrolls sideways"
        page.screenshot(path=SCREENSHOTS / f"{width}-{theme}{re.sub('[^a-z0-9]+', '-', path)}.png", full_page=True)
    context.close()
    assert lived_in.complaints == []
