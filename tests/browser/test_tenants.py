"""In Chromium: a tenant's owner completes the own tenant's checklist, and the operator's promote page turns ready by itself."""

from __future__ import annotations

import re
from secrets import token_hex

import httpx
from playwright.sync_api import Browser, Route, expect

from controlpanel.accounts.actors import SYSTEM
from controlpanel.catalog.models import Environment
from tenants.models import CredentialReference
from tests import fixtures_tenants as make
from tests.browser.panel import Panel, signed_in
from tests.world import until

LIVE_MS = 20_000


def an_owner(panel: Panel, name: str, tenant: str) -> str:
    """Make somebody who owns one tenant; returns the first password."""
    return panel.world.manage("create_user", name, "--role", "tenant owner", "--tenant", tenant).strip()


def fill_the_store(panel: Panel, *slugs: str) -> None:
    """What the external secrets of these tenants refer to is there."""
    paths = {make.external(slug, key)["remoteKey"]: {"value": token_hex(8)} for slug in slugs for key in make.SECRETS}
    httpx.put(f"{panel.world.server}/sandbox/secret-stores/vault", json=paths).raise_for_status()


def test_an_owner_signs_and_the_operators_page_turns_ready_without_a_reload(browser: Browser, panel: Panel) -> None:
    production = Environment.objects.get(name="production")
    nova, aegean = make.tenant("nova", by=SYSTEM), make.tenant("aegean", by=SYSTEM)
    for one in (nova, aegean):
        make.put(one, production, by=SYSTEM)
    fill_the_store(panel, "nova", "aegean")
    panel.world.manage("promote", "production", "--tenant-config", "--wait")
    until(lambda: not CredentialReference.objects.exclude(standing="verified").exists(), "watch has verified all")
    operator = signed_in(browser.new_page(), panel)
    operator.goto(f"{panel.url}/environments/production/promote?release=2026.11.0")
    tenants = operator.locator("#tenants")
    expect(tenants).to_contain_text("0 of 2 ready", timeout=LIVE_MS)
    expect(tenants).to_contain_text("nova")
    operator.evaluate("window.sameDocument = true")
    for name, own, other in (("sonja", "nova", "aegean"), ("akin", "aegean", "nova")):
        owner = browser.new_context().new_page()
        signed_in(owner, panel, name, an_owner(panel, name, own), lands="/tenants")
        expect(owner.locator("#list")).to_contain_text(own)
        assert other not in owner.content()
        assert owner.locator("text=Promote").count() == 0
        owner.get_by_role("link", name=own, exact=True).click()
        owner.get_by_role("button", name="Sign off all 5").first.click()
        expect(owner.locator("#checklist")).to_contain_text("Withdraw")
        expect(owner.locator("#sign-off")).to_contain_text("5 of 5")
        assert owner.goto(f"{panel.url}/tenants/{other}").status == 404
        owner.context.close()
    expect(tenants).to_contain_text("2 of 2 ready", timeout=LIVE_MS)
    assert operator.evaluate("window.sameDocument") is True, "the page was reloaded"
    assert operator.evaluate("window.shift") <= 0.02, "\n".join(map(str, operator.evaluate("window.shifted")))
    operator.close()


def test_a_live_reading_that_comes_late_does_not_undo_a_search(browser: Browser, panel: Panel) -> None:
    page = signed_in(browser.new_page(), panel)
    for slug in ("mersin-heart", "side-knee"):
        make.tenant(slug, by=SYSTEM)
    page.goto(f"{panel.url}/tenants")
    expect(page.locator("#list")).to_contain_text("side-knee")
    held: list[Route] = []
    page.route(f"{panel.url}/tenants", lambda route: held.append(route))
    with page.expect_request(f"{panel.url}/tenants"):
        make.tenant("side-elbow", by=SYSTEM)
    page.get_by_placeholder("Search slug, name or owner").press_sequentially("mersin-heart", delay=20)
    expect(page.locator("#list")).not_to_contain_text("side-knee")
    with page.expect_response(re.compile("q=mersin-heart")):
        for late in held:
            late.continue_()
    expect(page.locator("#list")).to_contain_text("mersin-heart")
    expect(page.locator("#list")).not_to_contain_text("side-knee")
    page.close()


def test_the_list_is_searched_while_one_types(browser: Browser, panel: Panel) -> None:
    page = signed_in(browser.new_page(), panel)
    for slug in ("mersin-thyroid", "side-spine"):
        make.tenant(slug, by=SYSTEM)
    page.goto(f"{panel.url}/tenants")
    expect(page.locator("#list")).to_contain_text("side-spine")
    page.get_by_placeholder("Search slug, name or owner").press_sequentially("mersin", delay=20)
    expect(page.locator("#list")).not_to_contain_text("side-spine")
    expect(page.locator("#list")).to_contain_text("mersin-thyroid")
    assert page.url == f"{panel.url}/tenants?q=mersin"
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url(f"{panel.url}/tenants")
    page.close()
