"""A running panel in a world of its own, and signing in to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import Page

from tests.world import World

PASSWORD = "promote-with-care"
SHIFT = """
// Cumulative layout shift as browsers define it: the worst window of at most 5 s without a gap of 1 s.
window.shift = 0;
window.shifted = [];
const current = {sum: 0, first: 0, last: 0};
new PerformanceObserver(list => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
  const goesOn = entry.startTime - current.last < 1000 && entry.startTime - current.first < 5000;
  Object.assign(current, goesOn ? {sum: current.sum + entry.value} : {sum: entry.value, first: entry.startTime}, {last: entry.startTime});
  window.shift = Math.max(window.shift, current.sum);
  if (entry.value > 0.001) window.shifted.push([entry.value.toFixed(4), ...entry.sources.map(one => one.node?.outerHTML?.slice(0, 80) ?? "text")]);
} }).observe({type: "layout-shift", buffered: true});
"""


@dataclass
class Panel:
    """A world with a web process."""

    world: World
    url: str
    complaints: list[str] = field(default_factory=list)
    root_password: str = ""


def signed_in(page: Page, panel: Panel, name: str = "elif", password: str = PASSWORD, lands: str = "/") -> Page:
    """The page after signing in, with everything noted that a browser complains of."""
    page.on("console", lambda message: panel.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: panel.complaints.append(str(error)))
    page.add_init_script(SHIFT)
    page.goto(f"{panel.url}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{panel.url}{lands}")
    return page
