"""In Chromium: a second person approves from the link, whoever asked cannot; a freeze set in another tab closes the button live."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from controlpanel.accounts.models import User
from controlpanel.core import audit
from controlpanel.core.permissions import Role
from deployments import lifecycle
from deployments.choices import State
from deployments.gates import for_target
from deployments.models import Approval, Promotion
from deployments.notifications.routing import route
from tests import fixtures_deployments as make
from tests.browser.serving import QUIRKS, PanelInProcess, sign_in
from tests.deployments.notifications.conftest import catalog, deliver_all
from tests.deployments.notifications.receiving import smtp_receiver

pytestmark = [pytest.mark.django_db(transaction=True), *map(pytest.mark.filterwarnings, QUIRKS)]
PATIENCE_MS = 30_000
ROUTE = """
notifications:
  receivers: {managers: {mail: {to: [release@example.com]}}}
  routes: [{events: [promotion.awaiting_approval], receivers: [managers]}]
"""
SECRET = "a long enough word to type"


@pytest.fixture
def deniz(in_process: PanelInProcess) -> User:
    user = make.person("deniz", Role.RELEASE_MANAGER, display_name="Deniz Arslan")
    user.set_password(SECRET)
    user.save()
    return user


def tab_of(browser: Browser, panel: PanelInProcess, user: User) -> Page:
    """A browser of that person."""
    context = browser.new_context(base_url=panel.server.url)
    sign_in(context, panel.server, user)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return page


def asked(panel: PanelInProcess) -> Promotion:
    stage = panel.stage
    stage.production.gates = [{"name": "approvals"}]
    stage.production.save()
    preview = make.preflight(stage.new, stage.production)
    row = Promotion.objects.create(
        environment=stage.production, release=stage.new, requester=stage.elif_, requested_by="elif", requested_door="page",
        preflight=preview, render_digest=make.DIGEST, reason="Agreed with both owners.",
    )  # fmt: skip
    row.refresh_from_db(fields=["number"])
    lifecycle.begin(row, actor=audit.SYSTEM)
    lifecycle.admit(row, for_target(release=stage.new, environment=stage.production, preflight=preview, promotion=row))
    return row


def mailed(settings: Any, url: str) -> str:
    """Where the mail leads that release managers are sent by the catalog's route, as an SMTP server received it."""
    catalog(ROUTE)
    settings.PUBLIC_URL, settings.EMAIL_BACKEND = url, "django.core.mail.backends.smtp.EmailBackend"
    with smtp_receiver() as inbox:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", inbox.port
        assert route() == 1
        deliver_all()
    (mail,) = inbox.mails
    assert (mail["To"], mail["Subject"]) == ("release@example.com", "2026.11.3 to production: waits for approval")
    found = re.search(rf"{re.escape(url)}/promotions/[\w-]+", str(mail.get_payload()))
    assert found, mail.get_payload()
    return found[0]


def test_a_second_person_approves_from_the_link_and_whoever_asked_cannot(
    browser: Browser, in_process: PanelInProcess, deniz: User, settings: Any
) -> None:
    row = asked(in_process)
    link = mailed(settings, in_process.server.url)
    own = tab_of(browser, in_process, in_process.stage.elif_)
    own.goto(link)
    expect(own.locator("#approve")).to_have_attribute("aria-disabled", "true")
    expect(own.locator("#approval-reason")).to_contain_text("You asked for this promotion yourself")
    other = tab_of(browser, in_process, deniz)
    other.goto(link)
    expect(other.locator("#approval")).to_contain_text("backend · Deployment/backend")
    other.set_viewport_size({"width": 390, "height": 900})
    assert other.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways on a phone"
    other.fill("#approve-comment", "Read the diff.")
    other.fill("#approve-password", SECRET)
    other.click("#approve")
    expect(other.locator("#promotion")).to_contain_text("Queued")
    expect(own.locator("#promotion")).to_contain_text("Queued")  # live, in the tab of whoever asked
    assert Approval.objects.get().comment == "Read the diff."
    assert Promotion.objects.get(pk=row.pk).state == State.QUEUED


def test_a_freeze_set_in_another_tab_closes_the_button_live_and_says_when_it_opens(
    browser: Browser, in_process: PanelInProcess, deniz: User
) -> None:
    make.preflight(in_process.stage.new, in_process.stage.staging)
    operator = tab_of(browser, in_process, in_process.stage.elif_)
    operator.goto("/environments/staging/promote?release=2026.11.3")
    expect(operator.locator("#promote")).not_to_have_attribute("aria-disabled", "true")
    operator.fill("#id_reason", "Agreed with both owners.")
    end = timezone.now() + timedelta(hours=3)
    manager = tab_of(browser, in_process, deniz)
    manager.goto("/freezes")
    manager.fill("#id_reason", "Stocktaking.")
    manager.select_option("#id_environment", "staging")
    manager.fill("#id_ends_at", f"{end:%Y-%m-%d %H:%M}")
    manager.click("#set-freeze")
    expect(operator.locator("#promote")).to_have_attribute("aria-disabled", "true")
    opens = re.compile(rf"Blocked: [Ss]taging is frozen until {end:%a %d %b %H:%M} UTC: Stocktaking\.")
    expect(operator.locator("#promote-reasons")).to_contain_text(opens)
    assert operator.input_value("#id_reason") == "Agreed with both owners.", "typed text stays"
    manager.click("text=Lift")
    expect(operator.locator("#promote")).not_to_have_attribute("aria-disabled", "true")
