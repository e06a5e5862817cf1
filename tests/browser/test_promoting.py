"""In Chromium, against real processes: a release reaches production, another one gets stuck, with and without script.

The web process, `watch` and the sandbox run as they do for people; the pages are only looked at and clicked.
"""

from __future__ import annotations

import hashlib
import json
import re

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.panel import PASSWORD, Panel, signed_in
from tests.world import World, until

ROLLOUT_MS = 120_000
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # other work may keep the machine busy


def promote(page: Page, panel: Panel, version: str, environment: str) -> str:
    """Look, decide, confirm; returns the digest that the page showed."""
    page.goto(f"{panel.url}/environments/{environment}/promote?release={version}")
    return confirm(page, environment)


def confirm(page: Page, environment: str) -> str:
    """Confirm on the promote page as soon as the diff is there; returns the digest that it showed."""
    button = page.get_by_role("button", name=f"Promote to {environment}")
    digest = page.locator("[name=render_digest]")
    until(lambda: digest.input_value() != "" or page.wait_for_timeout(200), "the diff is rendered")
    page.get_by_label("Reason").fill("A browser test.")
    if environment == "production":
        page.locator("[name=confirm]").fill(environment)
    shown = digest.input_value()
    button.click()
    page.wait_for_url(re.compile("/promotions/"))
    return shown


def digest_in_git(world: World, branch: str) -> str:
    """The render digest recomputed from the branch's files, as the documentation says."""
    paths = world.git("ls-tree", "-r", "--name-only", branch).splitlines()
    lines = [
        f"{hashlib.sha256(world.git('show', f'{branch}:{path}').encode()).hexdigest()}  {path}\n"
        for path in sorted(paths, key=str.encode)
        if "/" in path
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def needs_live(panel: Panel, environment: str) -> None:
    """Skip what goes on from a release that an earlier test brought there, where that one failed."""
    if not panel.world.git("ls-tree", "-r", "--name-only", f"env/{environment}").strip("\n").count("/"):
        pytest.skip(f"Nothing is live in {environment}: see the failure before.")


def test_a_release_goes_to_production_live_and_git_holds_what_the_page_showed(page: Page, panel: Panel) -> None:
    signed_in(page, panel)
    for environment in ("staging", "production"):
        shown = promote(page, panel, "2026.11.0", environment)
        page.evaluate("window.sameDocument = true")
        expect(page.locator("h1")).to_contain_text("Succeeded", timeout=ROLLOUT_MS)
        assert page.evaluate("window.sameDocument") is True, "the page was reloaded"
        assert page.evaluate("window.shift") <= 0.02, "\n".join(map(str, page.evaluate("window.shifted")))
        assert digest_in_git(panel.world, f"env/{environment}") == shown
        log = panel.world.git("log", "--format=%(trailers:key=Render-Digest,valueonly)", f"env/{environment}")
        assert log.split() == [shown]
    assert page.title().startswith("✓")
    assert panel.complaints == []


def change_by_hand(world: World, name: str, patch: dict[str, object]) -> None:
    """As somebody with kubectl would, past Git."""
    with httpx.Client(base_url=world.server, headers={"Content-Type": "application/json"}) as client:
        answer = client.post("/api/v1/session", json={"username": "admin", "password": "sandbox-password"})
        place = {
            "project": "hub",
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": "hub-production",
        }
        client.post(
            f"/api/v1/applications/{name}-production/resource", params={**place, "resourceName": name},
            headers={"Authorization": f"Bearer {answer.json()['token']}"}, content=json.dumps(json.dumps(patch)),
        ).raise_for_status()  # fmt: skip


def test_what_was_changed_by_hand_is_shown_and_restored_by_promoting_the_same_release(page: Page, panel: Panel) -> None:
    needs_live(panel, "production")
    signed_in(page, panel)
    change_by_hand(panel.world, "frontend", {"spec": {"replicas": 7}})
    page.goto(f"{panel.url}/applications/frontend-production")
    expect(page.locator("#drift")).to_contain_text("Live state drifted from Git", timeout=ROLLOUT_MS)
    expect(page.locator("#differences .is-removed")).to_contain_text("replicas: 7", timeout=ROLLOUT_MS)
    page.get_by_role("link", name="Restore desired state").click()
    expect(page.locator("#drift")).to_contain_text("frontend-production: Deployment/frontend", timeout=ROLLOUT_MS)
    assert len(confirm(page, "production")) == 64
    expect(page.locator("h1")).to_contain_text("Succeeded", timeout=ROLLOUT_MS)
    page.goto(f"{panel.url}/applications/frontend-production")
    expect(page.locator("h1")).to_contain_text("Synced", timeout=ROLLOUT_MS)
    expect(page.locator("#differences")).to_contain_text("Nothing differs.", timeout=ROLLOUT_MS)
    assert panel.complaints == []


def test_a_log_is_read_live_and_a_workload_restarted(page: Page, panel: Panel) -> None:
    needs_live(panel, "production")
    signed_in(page, panel)
    page.goto(f"{panel.url}/applications/frontend-production")
    pod = page.locator(".tree a").filter(has_text=re.compile(r"^frontend-\w+-\w+$")).first
    expect(pod).to_be_visible(timeout=ROLLOUT_MS)
    assert page.evaluate("window.shift") <= 0.02, "\n".join(map(str, page.evaluate("window.shifted")))
    pod.click()
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.locator("#log")).to_contain_text("frontend: listening", timeout=ROLLOUT_MS)
    read = page.locator("#selected time").last
    before = read.get_attribute("datetime")
    until(lambda: read.get_attribute("datetime") != before or page.wait_for_timeout(200), "the log is read again")
    page.get_by_role("link", name="Restart…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("A browser test.")
    dialog.get_by_role("button", name="Restart").click()
    expect(page.locator("#instructions")).to_contain_text("Deployment frontend restarts", timeout=ROLLOUT_MS)
    assert panel.complaints == []


def test_a_release_that_is_stuck_says_where_why_and_what_to_do_and_can_be_aborted(page: Page, panel: Panel) -> None:
    page.set_viewport_size({"width": 390, "height": 900})
    signed_in(page, panel)
    promote(page, panel, "2026.11.4", "staging")
    expect(page.locator("h1")).to_contain_text("Paused", timeout=ROLLOUT_MS)
    assert page.evaluate("window.shift") <= 0.02, "\n".join(map(str, page.evaluate("window.shifted")))
    decision, steps = page.locator("#now").bounding_box(), page.locator("#steps").bounding_box()
    assert decision and steps and decision["y"] < steps["y"]
    page.set_viewport_size({"width": 1280, "height": 900})
    main = page.locator("main")
    for words in ("Deployment backend", "Pod backend-", "ImagePullBackOff", "Check that the image exists"):
        expect(main).to_contain_text(words)
    page.get_by_role("button", name=re.compile("Retry")).first.click()
    expect(page.locator("h1")).not_to_contain_text("Paused", timeout=ROLLOUT_MS)
    expect(page.locator("h1")).to_contain_text("Paused", timeout=ROLLOUT_MS)
    page.goto(f"{panel.url}/promotions?environment=staging&state=paused")
    page.locator("main table a").first.click()
    page.get_by_role("link", name="Abort after commit…").click()
    page.get_by_role("dialog").get_by_role("button", name="Abort after commit").click()
    expect(page.locator("h1")).to_contain_text("Canceled", timeout=ROLLOUT_MS)
    assert panel.complaints == []


def test_without_script_a_promotion_is_asked_for_and_followed(browser: Browser, panel: Panel) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{panel.url}/login")
    page.locator("[name=username]").fill("elif")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main button[type=submit], form button").last.click()
    page.goto(f"{panel.url}/environments/staging/promote?release=2026.11.2")
    until(
        lambda: page.locator("[name=render_digest]").get_attribute("value") or page.reload() is None,
        "the diff is rendered",
    )
    page.locator("[name=reason]").fill("Without script.")
    page.get_by_role("button", name="Promote to staging").click()
    page.wait_for_url(re.compile("/promotions/"))
    until(lambda: "Succeeded" in page.locator("h1").inner_text() or page.reload() is None, "it succeeds", 180)
    context.close()


def test_staging_goes_back_to_what_was_live_before(page: Page, panel: Panel) -> None:
    needs_live(panel, "staging")
    signed_in(page, panel)
    page.goto(f"{panel.url}/environments/staging")
    page.get_by_role("link", name="Roll back").click()
    before = page.locator("h1").inner_text().removeprefix("Roll back staging to ")
    digest = page.locator("[name=render_digest]")
    until(lambda: digest.input_value() != "" or page.wait_for_timeout(200), "the diff is there")
    page.get_by_label("Reason").fill("Back to what served well.")
    shown = digest.input_value()
    page.get_by_role("button", name="Roll back staging").click()
    page.wait_for_url(re.compile("/promotions/"))
    expect(page.locator("h1")).to_contain_text("Succeeded", timeout=ROLLOUT_MS)
    expect(page.locator("h1")).to_contain_text(before)
    assert digest_in_git(panel.world, "env/staging") == shown
    assert page.evaluate("window.shift") < 0.02, page.evaluate("window.shifted")
    assert panel.complaints == []


def test_anything_is_found_and_opened_by_keyboard_and_never_while_writing(page: Page, panel: Panel) -> None:
    signed_in(page, panel)
    page.keyboard.press("/")
    page.keyboard.type("g p ? 2026.11.3")
    assert page.locator("#search").input_value() == "g p ? 2026.11.3"
    assert page.url == f"{panel.url}/"
    page.locator("#search").fill("2026.11.3")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/search"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{panel.url}/releases/2026.11.3")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("g")
    page.keyboard.press("m")
    assert page.url.endswith("/releases/2026.11.3")
    page.keyboard.press("Escape")
    for letter in ("g", "m"):
        page.keyboard.press(letter)
    page.wait_for_url(f"{panel.url}/promotions")
    assert panel.complaints == []
