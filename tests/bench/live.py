"""A status changes: how long until 200 browsers' streams and one Chromium show it, each having read its part of the page anew.

A thousand Applications are there. The change is written as `watch` writes it; readers have sessions and people of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client
from playwright.async_api import Page, async_playwright

from controlpanel.accounts.models import RoleBinding, User
from controlpanel.clients.argocd_models import Application as Read
from controlpanel.core.permissions import Role
from deployments.watching.observations import Directory, observe
from tests.bench import place
from tests.bench.figures import Figure
from tests.bench.lag import percentile
from tests.bench.pages import HISTORY, grow
from tests.bench.reader import Reader
from tests.world import World, free_port

READERS, CHANGES, PAUSE_SECONDS = 200, 20, 1.5
PATIENCE_SECONDS = 30.0
PROMISED_SECONDS = 1.0
ADDRESS, PART, TOPIC = "/environments/e000", "environment", "environment.e000"


@dataclass
class Times:
    """Seconds from each change to each reader, and to Chromium."""

    readers: list[float] = field(default_factory=list)
    chromium: list[float] = field(default_factory=list)


def run(directory: Path, database_url: str, options: argparse.Namespace) -> list[Figure]:
    """Open everything, change twenty times."""
    settings.ALLOWED_HOSTS = ["testserver"]
    grow(options.environments, HISTORY)
    cookies = [_session(number) for number in range(READERS + 1)]
    world = World(directory / place.WORLD, database_url, variables=place.TIMES)
    world.directory.mkdir()
    world.environment = {**os.environ, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    port = free_port()
    try:
        world.serve(port)
        times = asyncio.run(_measure(port, cookies))
    finally:
        world.stop()
    return [
        Figure("to 200 readers, half within", percentile(sorted(times.readers), 0.5), "s"),
        Figure("to 200 readers, 95 % within", percentile(sorted(times.readers), 0.95), "s", most=PROMISED_SECONDS),
        Figure("to Chromium, half within", percentile(sorted(times.chromium), 0.5), "s"),
        Figure("to Chromium, 95 % within", percentile(sorted(times.chromium), 0.95), "s", most=PROMISED_SECONDS),
    ]


def _session(number: int) -> str:
    """The cookie of a person who operates."""
    user = User.objects.create_user(username=f"reader{number}")
    RoleBinding.objects.create(user=user, role=Role.OPERATOR)
    browser = Client()
    browser.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"


async def _measure(port: int, cookies: list[str]) -> Times:
    readers = [Reader(port, cookie, ADDRESS, PART, TOPIC) for cookie in cookies[:READERS]]
    await asyncio.gather(*(reader.open() for reader in readers))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        page = await _page(browser, port, cookies[READERS])
        times = Times()
        for number in range(CHANGES):
            await asyncio.sleep(PAUSE_SECONDS)
            await _change(number, readers, page, times)
        await browser.close()
    await asyncio.gather(*(reader.close() for reader in readers))
    return times


async def _change(number: int, readers: list[Reader], page: Page, times: Times) -> None:
    mark = f"{0xABC0000 + number:07x}"
    seen = [asyncio.create_task(reader.shows(mark)) for reader in readers]
    shown = asyncio.create_task(page.wait_for_function("mark => document.body.textContent.includes(mark)", arg=mark))
    await asyncio.sleep(0)
    began = time.monotonic()
    await sync_to_async(_observe)(number, mark)
    shown.add_done_callback(lambda _: times.chromium.append(time.monotonic() - began))
    async with asyncio.timeout(PATIENCE_SECONDS):
        times.readers += [at - began for at in await asyncio.gather(*seen)]
        await shown


def _observe(number: int, mark: str) -> None:
    read = Read(
        name="part0-e000", project="bench", resource_version=number + 1, sync_status="Synced", revision=mark.ljust(40, "0"),
        health_status="Healthy", operation_phase="Succeeded",
    )  # fmt: skip
    observe(Directory("ARGOCD_SERVER"), [read])


async def _page(browser: Any, port: int, cookie: str) -> Page:
    name, _, value = cookie.partition("=")
    context = await browser.new_context()
    await context.add_cookies([{"name": name, "value": value, "url": f"http://127.0.0.1:{port}"}])
    page: Page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{port}{ADDRESS}")
    await page.wait_for_function("document.getElementById('indicator')?.dataset.state === 'live'")
    return page


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise RuntimeError("Chromium was not found. Install it: apt-get install chromium")
    return found
