"""In Chromium, under the real Content-Security-Policy: live fragments, and what pages gain by script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.db import transaction
from playwright.sync_api import Page

from controlpanel.accounts.models import Session
from controlpanel.core import live
from controlpanel.core.views import events
from tests.browser.serving import QUIRKS, Server, sign_in, until
from tests.core import rules

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.core.rules"),
    *map(pytest.mark.filterwarnings, QUIRKS),
]


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """Far from UTC, by a part of an hour."""
    return {**browser_context_args, "timezone_id": "Asia/Kathmandu"}


@pytest.fixture
def server(transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running panel with one person, on a database where transactions commit."""
    settings.PANEL_HOOKS = {"listen": f"{rules.__name__}.everyone"}
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.CSRF_TRUSTED_ORIGINS = []
    events.may_listen.cache_clear()
    monkeypatch.setattr(rules, "ROWS", {"rows": [1, 2, 3], "gone": False, "words": ""})
    running = Server()
    running.start()
    yield running
    running.stop()
    events.may_listen.cache_clear()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the console said and what was thrown."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.fixture
def live_page(page: Page, server: Server, complaints: list[str]) -> Page:
    """The page of live fragments, listening."""
    sign_in(page.context, server, get_user_model().objects.create(username="elif", display_name="Elif Kaya"))
    reads: list[str] = []
    page.on("response", lambda response: reads.append(response.url) if response.url.endswith("/live") else None)
    page.goto(f"{server.url}/live")
    until(lambda: page.evaluate("1") and len(reads) >= 3, "the first stream says: read both fragments once")
    until(lambda: page.evaluate("!document.querySelector('.htmx-request')"), "the reads end")
    return page


def publish(topic: str) -> None:
    """Publish and commit."""
    with transaction.atomic():
        live.publish(topic)


def changed_by(page: Page, selector: str, topic: str) -> None:
    """Publish and wait until the element says something new."""
    before = page.inner_text(selector)
    publish(topic)
    until(lambda: page.inner_text(selector) != before, f"{selector} changes")


def test_a_change_is_shown_and_everything_else_stays(live_page: Page, complaints: list[str]) -> None:
    live_page.click("#fold summary")
    live_page.focus("#stays")
    live_page.evaluate("window.before = document.getElementById('stamp')")
    other = live_page.inner_text("#second")
    changed_by(live_page, "#stamp", "promotion.12")
    assert live_page.evaluate("window.before === document.getElementById('stamp')")
    assert live_page.evaluate("document.getElementById('fold').open")
    assert live_page.evaluate("document.activeElement.id") == "stays"
    assert live_page.inner_text("#second") == other
    assert live_page.inner_text("#indicator") == "Live"
    assert complaints == []


def test_rows_come_go_and_move_as_themselves(live_page: Page) -> None:
    live_page.evaluate("window.third = document.querySelector('[data-key=row-3]')")
    rules.ROWS["rows"] = [3, 4, 1]
    changed_by(live_page, "#stamp", "promotion.12")
    assert live_page.locator("#one li").all_inner_texts() == ["3", "4", "1"]
    assert live_page.evaluate("window.third === document.querySelector('[data-key=row-3]')")


def test_a_vanishing_control_leaves_the_focus_at_its_heading(live_page: Page) -> None:
    live_page.focus("#vanishes")
    rules.ROWS["gone"] = True
    changed_by(live_page, "#stamp", "promotion.12")
    assert live_page.evaluate("document.activeElement.textContent") == "Inner"


def test_a_fragment_that_somebody_writes_in_waits_and_says_so(live_page: Page) -> None:
    live_page.fill("#typed", "half a sentence")
    before = live_page.inner_text("#second")
    publish("releases")
    live_page.wait_for_selector("#two .held")
    assert live_page.inner_text("#second") == before
    live_page.click("#two .held button")
    until(lambda: live_page.inner_text("#second") != before, "the fragment is read on request")
    assert live_page.input_value("#typed") == "half a sentence"
    assert live_page.locator(".held").count() == 0


def test_many_events_make_few_reads(live_page: Page) -> None:
    reads: list[str] = []
    live_page.on("request", lambda request: reads.append(request.url) if request.url.endswith("/live") else None)
    for _ in range(20):
        publish("promotion.12")
    last = live_page.inner_text("#stamp")
    until(lambda: live_page.inner_text("#stamp") != last, "the fragment is read")
    live_page.wait_for_timeout(1200)
    assert 1 <= len(reads) <= 4


def test_title_icon_and_announcements_follow_the_state(live_page: Page) -> None:
    until(lambda: live_page.title() == "◐ 1/9 backend", "the title says the state")
    assert live_page.get_attribute("link[rel=icon]", "href").endswith("favicon-run.svg")
    rules.ROWS["words"] = "Wave 3 started: backend."
    changed_by(live_page, "#stamp", "promotion.12")
    until(lambda: live_page.text_content("#announcer") == "Wave 3 started: backend.", "it is announced")


def test_a_lost_server_is_said_and_healed(live_page: Page, server: Server) -> None:
    server.stop()
    live_page.wait_for_selector("#connection .banner")
    assert "Live updates paused." in live_page.inner_text("#connection")
    assert live_page.inner_text("#indicator") in ("Polling", "Paused")
    before = live_page.inner_text("#stamp")
    server.start()
    live_page.click("#connection button")
    until(lambda: live_page.inner_text("#indicator") == "Live", "the stream comes back")
    until(lambda: live_page.inner_text("#stamp") != before, "every fragment is read once")
    assert live_page.evaluate("document.getElementById('connection').hidden")


def test_a_session_that_ended_is_said_and_nothing_is_lost(live_page: Page) -> None:
    live_page.fill("#typed", "half a sentence")
    Session.objects.all().delete()
    live_page.focus("#stays")
    publish("promotion.12")
    live_page.wait_for_selector("text=You were signed out.")
    assert live_page.input_value("#typed") == "half a sentence"


def test_after_signing_in_again_in_another_tab_the_form_can_be_sent(live_page: Page, server: Server) -> None:
    elif_ = get_user_model().objects.get(username="elif")
    elif_.set_password("a-long-passphrase")
    elif_.save()
    live_page.fill("#confirm", "production")
    Session.objects.all().delete()
    live_page.focus("#stays")
    publish("promotion.12")
    live_page.wait_for_selector("text=You were signed out.")
    tab = live_page.context.new_page()
    tab.goto(f"{server.url}/login?next=/slow")
    tab.fill("#id_username", "elif")
    tab.fill("#id_password", "a-long-passphrase")
    tab.click("button[type=submit]")
    tab.wait_for_url("**/slow")
    before = live_page.inner_text("#stamp")
    live_page.evaluate("dispatchEvent(new Event('focus'))")
    until(lambda: live_page.inner_text("#indicator") == "Live", "the stream opens again")
    until(lambda: live_page.inner_text("#stamp") != before, "every fragment is read again")
    assert live_page.evaluate("document.getElementById('connection').hidden")
    assert live_page.input_value("#confirm") == "production"
    with live_page.expect_response("**/slow") as answer:
        live_page.click("#go")
    assert answer.value.status == 200


def test_relative_times_tick(live_page: Page) -> None:
    before = live_page.inner_text("time[data-elapsed]")
    until(lambda: live_page.inner_text("time[data-elapsed]") != before, "the time ticks")


def test_times_of_day_are_those_of_who_looks_and_exact_on_request(live_page: Page) -> None:
    time = live_page.locator("time[data-clock]")
    moment = datetime.fromisoformat(time.get_attribute("datetime") or "").astimezone(ZoneInfo("Asia/Kathmandu"))
    assert time.inner_text() == f"{moment:%H:%M:%S}"
    assert (time.get_attribute("title") or "").endswith(f"{moment:%H:%M:%S} GMT+5:45")
    live_page.click("details.menu >> nth=1")
    live_page.click("text=Exact times")
    assert time.inner_text() == time.get_attribute("title")
    changed_by(live_page, "#stamp", "promotion.12")
    assert time.inner_text() == time.get_attribute("title")


def test_the_typed_name_enables_the_button(live_page: Page) -> None:
    assert live_page.get_attribute("#go", "aria-disabled") == "true"
    assert live_page.is_visible("#go-reason")
    live_page.click("#go", force=True)
    assert live_page.url.endswith("/live")
    live_page.fill("#confirm", "production")
    assert live_page.get_attribute("#go", "aria-disabled") is None
    assert not live_page.is_visible("#go-reason")
    live_page.click("#go")
    live_page.wait_for_url("**/slow")
    until(lambda: live_page.evaluate("document.activeElement.id") == "title", "the title has the focus")
    live_page.reload()
    assert live_page.evaluate("document.activeElement.id") == ""


def test_a_dialog_opens_focuses_the_safe_button_and_gives_the_focus_back(live_page: Page) -> None:
    live_page.click("[data-dialog=abort]")
    assert live_page.evaluate("document.activeElement.id") == "keep"
    live_page.keyboard.press("Escape")
    assert not live_page.is_visible("#abort")
    assert live_page.evaluate("document.activeElement.dataset.dialog") == "abort"


def test_shortcuts_lead_and_leave_fields_alone(live_page: Page) -> None:
    live_page.focus("#typed")
    live_page.keyboard.type("gp?")
    assert live_page.input_value("#typed") == "gp?"
    live_page.focus("#stays")
    live_page.keyboard.press("?")
    assert live_page.is_visible("#shortcuts")
    live_page.keyboard.press("Escape")
    live_page.keyboard.press("g")
    live_page.keyboard.press("m")
    live_page.wait_for_url("**/promotions")


def test_a_link_to_a_line_opens_its_resource(live_page: Page, server: Server) -> None:
    line = live_page.locator('[id="backend/ConfigMap/backend:R2"]')
    assert not line.is_visible()
    live_page.evaluate("location.hash = '#backend/ConfigMap/backend:R2'")
    line.wait_for(state="visible")


def test_pages_work_without_script(browser: Any, server: Server) -> None:
    get_user_model().objects.create_user(username="deniz", password="a-long-passphrase")
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{server.url}/login?next=/live")
    page.fill("#id_username", "deniz")
    page.fill("#id_password", "a-long-passphrase")
    page.click("button[type=submit]")
    page.wait_for_selector("#stamp")
    assert page.locator(".copy:visible, .indicator:visible, .js-only:visible").count() == 0
    page.click("[data-dialog=abort]")
    assert page.is_visible("#abort")
    page.click("#keep")
    assert not page.is_visible("#abort")
    page.click("details.menu >> nth=0")
    page.click("button[value=dark]")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.get_attribute("#go", "aria-disabled") is None
    page.context.close()


@pytest.mark.parametrize("width", [320, 390, 1000, 1440])
def test_the_component_sheet_never_scrolls_sideways(live_page: Page, server: Server, settings: Any, width: int) -> None:
    settings.COMPONENT_SHEET = True
    live_page.set_viewport_size({"width": width, "height": 800})
    live_page.goto(f"{server.url}/settings/components")
    assert live_page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_component_sheet_has_no_accessibility_faults(
    live_page: Page, server: Server, settings: Any, theme: str
) -> None:

    settings.COMPONENT_SHEET = True
    live_page.context.add_cookies([{"name": "theme", "value": theme, "url": server.url}])
    live_page.goto(f"{server.url}/settings/components")
    results = Axe().run(live_page)
    assert results.violations_count == 0, results.generate_report()
