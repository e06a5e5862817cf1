"""In Chromium: an unsent reason is kept, "Notify me" tells once, a log says how many lines came, and components light up together."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from controlpanel.accounts.models import RoleBinding
from controlpanel.core import live
from controlpanel.core.permissions import Role
from deployments.models import Inquiry, Promotion
from deployments.selectors.inquiries import Question
from tests import fixtures_deployments as make
from tests.browser.serving import QUIRKS, PanelInProcess
from tests.deployments.views.conftest import Stage

pytestmark = [pytest.mark.django_db(transaction=True), *map(pytest.mark.filterwarnings, QUIRKS)]
PROMOTE = "/environments/staging/promote?release=2026.11.3"
NOTES = """
window.told = [];
window.Notification = class extends EventTarget {
  constructor(title, options) { super(); window.told.push([title, options.body]); }
  static requestPermission() { return Promise.resolve("granted"); }
};
"""
PATIENCE_MS = 30_000


@pytest.fixture
def page(browser: Browser, in_process: PanelInProcess) -> Page:
    """Elif's. Notifications are noted instead of shown."""
    context = browser.new_context(base_url=in_process.server.url)
    in_process.sign_in(context)
    page = context.new_page()
    page.add_init_script(NOTES)
    page.set_default_timeout(PATIENCE_MS)
    return page


@pytest.fixture
def stage(in_process: PanelInProcess) -> Stage:
    return in_process.stage


def answer(question: Question, body: dict[str, Any], row: Promotion | None = None) -> None:
    """As a worker does: keep the answer, and tell those who look."""
    now = timezone.now()
    values = {"kind": question.kind, "subject": question.subject, "asked_at": now, "answered_at": now, "answer": body}
    with transaction.atomic():
        Inquiry.objects.update_or_create(question=str(question), defaults=values)
        if row:
            live.publish(f"promotion.{row.pk}")


def test_an_unsent_reason_is_kept_until_it_is_sent(page: Page, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging)
    page.goto(PROMOTE)
    page.get_by_label("Reason").fill("Agreed with both owners.")
    page.goto("/releases")
    page.goto(PROMOTE)
    expect(page.get_by_label("Reason")).to_have_value("Agreed with both owners.")
    expect(page.locator("form")).to_contain_text(["Kept from before; it was never sent."])
    page.get_by_role("button", name="Promote to staging").click()
    page.wait_for_url(re.compile("/promotions/"))
    page.goto("/environments/staging/promote?release=2026.11.3")
    expect(page.get_by_label("Reason")).to_have_value("")


def test_enter_and_control_enter_never_press_an_override_beside_a_disabled_button(page: Page, stage: Stage) -> None:
    RoleBinding.objects.filter(user=stage.elif_).update(role=Role.RELEASE_MANAGER)
    stage.production.gates = [{"name": "verified-before"}]
    stage.production.save()
    make.preflight(stage.new, stage.production)
    make.preflight(stage.new, stage.staging)
    page.add_init_script("""
      window.sent = [];
      addEventListener("submit", (event) => { event.preventDefault(); window.sent.push(event.submitter?.id ?? ""); }, true);
    """)
    page.goto("/environments/production/promote?release=2026.11.3")
    page.locator("#override-part summary").click()
    page.get_by_label("Reason to override").fill("The clinic opens next week.")
    page.get_by_label("to confirm").fill("production")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+Enter")
    assert page.evaluate("window.sent") == []
    page.locator("#override").click()
    assert page.evaluate("window.sent") == ["override"]
    page.goto("/environments/staging/promote?release=2026.11.3")
    page.get_by_label("Reason", exact=True).press("Control+Enter")
    assert page.evaluate("window.sent") == ["promote"]


def test_a_reason_is_gone_after_an_hour(page: Page, stage: Stage) -> None:
    make.preflight(stage.new, stage.staging)
    page.clock.install()
    page.goto(PROMOTE)
    page.get_by_label("Reason").fill("Agreed with both owners.")
    page.clock.fast_forward("01:00:01")
    page.goto(PROMOTE)
    expect(page.get_by_label("Reason")).to_have_value("")


def test_whoever_asks_for_it_is_told_once_when_somebody_is_needed(page: Page, stage: Stage) -> None:
    row = make.promotion(stage.new, stage.staging, by=stage.elif_)
    page.goto(f"/promotions/{row.number}")
    page.get_by_role("button", name="Notify me").click()
    expect(page.get_by_role("button", name="You will be told")).to_be_visible()
    assert page.evaluate("window.told") == []
    with transaction.atomic():
        make.paused(row)
        live.publish(f"promotion.{row.pk}")
    expect(page.locator("h1")).to_contain_text("Paused")
    page.wait_for_function("window.told.length")
    [[title, _]] = page.evaluate("window.told")
    assert "Paused" in title
    with transaction.atomic():
        live.publish(f"promotion.{row.pk}")
    page.wait_for_timeout(1000)
    assert len(page.evaluate("window.told")) == 1


def test_a_log_that_was_scrolled_up_says_how_many_lines_came(page: Page, stage: Stage) -> None:
    row = make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))
    question = Question("log", "backend-staging", {"name": "backend-new-a", "namespace": "hub"})
    lines = [f"line {number}" for number in range(200)]
    answer(question, {"lines": lines})
    page.goto(f"/promotions/{row.number}?tab=log")
    log = page.locator("#log")
    page.wait_for_function("(l => l.scrollTop + l.clientHeight >= l.scrollHeight - 4)(document.getElementById('log'))")
    log.evaluate("log => { log.scrollTop = 0; }")
    answer(question, {"lines": [*lines, "more 1", "more 2", "more 3"]}, row)
    follow = page.get_by_role("button", name="Follow (3 new)")
    expect(follow).to_be_visible(timeout=PATIENCE_MS)
    assert log.evaluate("log => log.scrollTop") == 0
    follow.click()
    expect(follow).to_have_count(0)
    assert log.evaluate("log => log.scrollTop + log.clientHeight >= log.scrollHeight - 4")


def test_a_component_lights_up_in_both_environments(page: Page, stage: Stage) -> None:
    page.goto("/")
    lit = page.locator(".is-lit")
    page.locator("[data-component=backend] a").first.focus()
    expect(page.locator(".is-lit[data-component=backend]")).to_have_count(2)
    expect(lit).to_have_count(2)
    page.locator("[data-component=ai]").last.hover()
    expect(page.locator(".is-lit[data-component=ai]")).to_have_count(2)
    expect(lit).to_have_count(2)
