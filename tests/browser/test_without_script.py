"""In Chromium without JavaScript: whoever looks after promotions, applications and tokens reaches every action and reads what came of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from controlpanel.accounts.models import ApiToken
from deployments.choices import State
from deployments.models import Instruction, Promotion
from tests import fixtures_deployments as make
from tests.browser.serving import QUIRKS, PanelInProcess
from tests.deployments.views.conftest import Stage
from tests.deployments.views.test_applications import know_tree

pytestmark = [pytest.mark.django_db(transaction=True), *map(pytest.mark.filterwarnings, QUIRKS)]


@pytest.fixture
def page(browser: Browser, in_process: PanelInProcess) -> Page:
    """Elif's, who operates."""
    context = browser.new_context(java_script_enabled=False, base_url=in_process.server.url)
    in_process.sign_in(context)
    return context.new_page()


@pytest.fixture
def stage(in_process: PanelInProcess) -> Stage:
    return in_process.stage


def stuck(stage: Stage, page: Page) -> Promotion:
    """A promotion that waits for a decision, on its page."""
    row = make.paused(make.promotion(stage.new, stage.staging, by=stage.elif_))
    page.goto(f"/promotions/{row.number}")
    return row


def state_of(row: Promotion) -> str:
    row.refresh_from_db()
    return row.state


def test_a_promotion_is_aborted(page: Page, stage: Stage) -> None:
    row = make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))
    page.goto(f"/promotions/{row.number}")
    page.get_by_role("link", name="Abort after commit…").first.click()
    dialog = page.locator("#abort-dialog")
    dialog.get_by_label("Reason").fill("The wrong release.")
    dialog.get_by_role("button", name="Abort after commit").click()
    expect(page.locator("h1")).to_contain_text("Cancel")
    assert state_of(row) == State.CANCELING


def test_a_step_is_tried_again(page: Page, stage: Stage) -> None:
    row = stuck(stage, page)
    page.get_by_role("button", name="Retry step").click()
    expect(page.locator("h1")).not_to_contain_text("Paused")
    assert state_of(row) == State.ROLLING_OUT


def test_a_component_is_ignored_with_a_reason(page: Page, stage: Stage) -> None:
    row = stuck(stage, page)
    page.get_by_role("link", name="Ignore…").click()
    dialog = page.locator("#ignore-dialog")
    dialog.get_by_label("Reason").fill("Known, the fix lands tonight.")
    dialog.locator("button[type=submit]").last.click()
    expect(page.locator("h1")).not_to_contain_text("Paused")
    assert state_of(row) == State.ROLLING_OUT


def test_the_decision_is_taken_upon_oneself(page: Page, stage: Stage) -> None:
    row = stuck(stage, page)
    page.get_by_role("button", name="Assign to me").click()
    expect(page.locator("#now")).to_contain_text("You are on it")
    row.refresh_from_db()
    assert row.claimed_by == "elif"


def test_a_workload_is_restarted(page: Page, stage: Stage) -> None:
    make.live(stage.old, stage.staging, by=stage.elif_)
    know_tree()
    page.goto("/applications/backend-staging")
    page.get_by_role("link", name="Restart…").click()
    dialog = page.locator("#restart-dialog")
    dialog.get_by_label("Reason").fill("It holds a stale connection.")
    dialog.get_by_role("button", name="Restart").click()
    expect(page.locator("#instructions")).to_contain_text("Deployment backend")
    assert Instruction.objects.count() == 1


def test_a_token_is_made_shown_once_and_revoked(page: Page, stage: Stage) -> None:
    page.goto("/settings/tokens")
    page.get_by_label("Name").fill("build")
    page.locator("input[name=scopes]").first.check()
    page.get_by_role("button", name="Create token").click()
    assert len(page.locator("#secret").inner_text()) > 20
    page.get_by_role("link", name="I have stored it").click()
    expect(page.locator("#secret")).to_have_count(0)
    page.get_by_role("link", name=re.compile("Revoke… build")).click()
    page.get_by_role("button", name="Revoke token").click()
    expect(page.locator("#toasts")).to_contain_text("Token build is revoked")
    assert ApiToken.objects.get(name="build").revoked_at


def test_one_signs_out(page: Page, stage: Stage) -> None:
    page.goto("/")
    page.locator("summary[aria-label^='Account of']").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/")
    expect(page).to_have_url(re.compile("/login"))
