"""Every page in Chromium, in both themes and at two widths: accessible, never scrolling sideways, without a complaint; and a picture of each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.panel import Panel, signed_in

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", ".run/screenshots"))
"""Every page, in both themes and at two widths, to be looked at."""
PAGES = (
    "/", "/promotions", "/promotions?environment=staging&state=ended", "/promotions?requester=nobody", "/releases", "/releases/new",
    "/releases/2026.11.0", "/environments/staging", "/environments/production", "/audit", "/audit?who=nobody", "/audit/1", "/search?q=2026",
    "/insights", "/compare?from=2026.11.1&to=2026.11.3", "/compare?from=staging&to=production",
    "/environments/staging/promote?release=2026.11.3", "/environments/production/promote?release=2026.11.3",
    "/environments/staging/rollback", "/promotions/1001", "/promotions/1001?tab=log", "/promotions/1001?tab=commit",
    "/promotions/1001?tab=audit", "/promotions/1001?tab=verification", "/applications", "/applications?show=differs", "/applications/backend-staging",
    "/applications/backend-staging?resource=Deployment/backend", "/approvals", "/freezes", "/plans", "/settings/account", "/settings/tokens", "/settings/catalog",
)  # fmt: skip
OF_TENANTS = (
    "/tenants", "/tenants?q=nobody", "/tenants/nova-fertility", "/tenants/nova-fertility?environment=production",
    "/tenants/nova-fertility/onboarding", "/tenants/nova-fertility/references", "/tenants/nova-fertility/edit",
    "/onboarding", "/onboarding/import", "/reviews", "/environments/production/configuration",
    "/settings/status", "/settings/notifications",
)  # fmt: skip
"""What an administrator sees besides."""
DEMO = ("--history",)
TENANTS = "slug,displayName,owner\nnova-fertility,Nova Fertility,selin\natlas-dental,Atlas Dental Group,selin\n"
ERRORS = ("/releases/2026.11.33", "/nowhere", "/settings/status")
"""Not found with the nearest name, not found, not allowed."""
WIDTHS, THEMES = (1440, 390), ("light", "dark")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # whoever comes first waits for six promotions
AXE = Axe()
REST = ["tbody > tr:nth-child(n+9)", "details.diff-file ~ details.diff-file ~ details.diff-file"]
"""What is made as its neighbours were: axe takes its time for each element."""


@pytest.fixture(scope="module")
def lived_in(panel: Panel) -> Panel:
    """Three releases have been to both environments; somebody administers, too."""
    panel.root_password = panel.world.manage("create_user", "root", "--role", "administrator").strip()
    return panel


@pytest.fixture(scope="module")
def elif_at_her_desk(browser: Browser, lived_in: Panel) -> Iterator[Page]:
    """One window for all pages: signing in costs more than a page."""
    context = browser.new_context(reduced_motion="reduce")
    yield signed_in(context.new_page(), lived_in)
    context.close()


@pytest.fixture(scope="module")
def root_at_her_desk(browser: Browser, lived_in: Panel) -> Iterator[Page]:
    """She has imported two tenants."""
    context = browser.new_context(reduced_motion="reduce")
    page = signed_in(context.new_page(), lived_in, "root", lived_in.root_password)
    page.goto(f"{lived_in.url}/onboarding/import")
    page.locator("[name=text]").fill(TENANTS)
    page.get_by_role("button", name="Show what would change").click()
    page.get_by_role("button", name="Import 2 tenants").click()
    page.wait_for_url(f"{lived_in.url}/tenants")
    yield page
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_no_page_keeps_anyone_out(elif_at_her_desk: Page, lived_in: Panel, path: str) -> None:
    lived_in.complaints.clear()
    look(elif_at_her_desk, lived_in, path)
    assert lived_in.complaints == []


@pytest.mark.parametrize("path", ERRORS)
def test_an_answer_that_is_no_page_is_one(elif_at_her_desk: Page, lived_in: Panel, path: str) -> None:
    look(elif_at_her_desk, lived_in, path, "-refused")


@pytest.mark.parametrize("path", OF_TENANTS)
def test_no_page_of_an_administrator_keeps_anyone_out(root_at_her_desk: Page, lived_in: Panel, path: str) -> None:
    lived_in.complaints.clear()
    look(root_at_her_desk, lived_in, path)
    assert lived_in.complaints == []


def test_everybody_can_sign_in(browser: Browser, lived_in: Panel) -> None:
    context = browser.new_context(reduced_motion="reduce")
    look(context.new_page(), lived_in, "/login")
    context.close()


def look(page: Page, panel: Panel, path: str, name: str = "") -> None:
    """Open it once; in each look hold it against axe and the width of the window, and take its picture."""
    page.goto(f"{panel.url}{path}")
    page.evaluate(AXE.axe_script)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            assert serious_faults(page, only_contrast=theme == "dark") == [], f"{path}, {width} px, {theme}"
            picture = f"{width}-{theme}{re.sub('[^a-z0-9]+', '-', path)}{name}.jpeg"
            # PNG takes twice as long
            page.screenshot(path=SCREENSHOTS / picture, full_page=True, type="jpeg", quality=80)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{path} scrolls sideways"


def serious_faults(page: Page, only_contrast: bool) -> list[object]:
    """What axe finds serious or critical: the rule and the elements. Another theme can change contrast alone."""
    options = {"resultTypes": ["violations"], "preload": False}
    faults = page.evaluate(
        "async ([rest, options]) => (await axe.run({exclude: rest}, options)).violations",
        [REST, {**options, "runOnly": ["color-contrast"]} if only_contrast else options],
    )
    grave = [fault for fault in faults if fault["impact"] in ("serious", "critical")]
    return [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in grave]
