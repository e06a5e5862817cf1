"""The broker goes away and many people click at once: promotions lose seconds at most, and the web process answers all the while."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from deployments.choices import IN_LANE, TERMINAL, State
from deployments.models import Promotion
from deployments.services.promotions import promotion_request
from tests.chaos import fleet
from tests.chaos.broker import Broker
from tests.chaos.oracle import verdict
from tests.world import World, free_port, running_world, until

CLICKS = 200
ENVIRONMENTS = 3
QUICK_SECONDS = 5.0
"""For one answer, on a machine that does other work as well."""
PAGES = ("/", "/promotions", "/environments/e00", "/releases", "/healthz", "/readyz")


@dataclass
class Panel:
    """The world with broker, worker, `watch` and web, and somebody who is signed in beside a token."""

    world: World
    broker: Broker
    address: str
    cookies: httpx.Cookies
    token: str

    def get(self, path: str) -> httpx.Response:
        """A page, as somebody who is signed in."""
        return httpx.get(f"{self.address}{path}", cookies=self.cookies, timeout=20)

    def post(self, path: str, body: dict[str, str]) -> httpx.Response:
        """Ask the API."""
        return httpx.post(f"{self.address}{path}", json=body, headers=self.bearer, timeout=20)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[Panel]:
    broker, port = Broker(), free_port()
    directory = tmp_path_factory.mktemp("world")
    address = f"http://127.0.0.1:{port}"
    variables = {"CELERY_BROKER_URL": broker.url, "PUBLIC_URL": address}
    with running_world(directory, committed_database, 40.0, fleet.platform(ENVIRONMENTS), **variables) as world:
        fleet.releases((directory / "platform/.git/refs/heads/main").read_text().strip())
        world.watch()
        world.worker()
        world.serve(port)
        password = world.manage("create_user", "ada", "--role", "operator").strip()
        token = world.manage("create_token", "ci", "--scope", "promote").strip()
        yield Panel(world, broker, address, _signed_in(address, "ada", password), token)
    broker.kill()


def _signed_in(address: str, name: str, password: str) -> httpx.Cookies:
    with httpx.Client(base_url=address, timeout=20) as client:
        form = {"username": name, "password": password, "csrfmiddlewaretoken": _csrf(client.get("/login").text)}
        assert client.post("/login", data=form, headers={"Referer": f"{address}/login"}).status_code == 302
        return client.cookies


def _csrf(html: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
    assert found
    return found[1]


def asked(environment: str, version: str = "1.0.0") -> Promotion:
    return promotion_request(actor=fleet.CI, environment=environment, release=version)


def is_in(promotion: Promotion, *states: State) -> Callable[[], bool]:
    def reached() -> bool:
        promotion.refresh_from_db()
        return promotion.state in (*states, *TERMINAL, State.PAUSED)

    return reached


@pytest.mark.timeout(300)
def test_a_broker_that_is_killed_flushed_and_started_again_costs_seconds(panel: Panel) -> None:
    first = asked("e00")
    until(is_in(first, State.COMMITTING, State.SYNCING, State.ROLLING_OUT), "it is under way")
    panel.broker.flush()
    panel.broker.kill()
    slowest = max(elapsed(panel.get, path) for path in PAGES)
    body = {"release": "1.0.0", "environment": "e01", "reason": "No bell rings."}
    slowest = max(slowest, elapsed(panel.post, "/api/v1/promotions", body))
    assert slowest < QUICK_SECONDS
    second = Promotion.objects.get(environment__name="e01")
    until(is_in(first), "it ends without a broker")
    panel.broker.start()
    panel.broker.flush()
    until(is_in(second), "the one that nobody heard of ends too")
    for promotion in (first, second):
        assert promotion.state == State.SUCCEEDED, (promotion.issue, panel.world.logs())
    assert verdict(panel.world, [str(first.pk), str(second.pk)]) == []
    assert all(process.poll() is None for process in panel.world.processes)


def elapsed(act: Callable[..., httpx.Response], *arguments: Any) -> float:
    """Seconds until a good answer."""
    began = time.monotonic()
    act(*arguments).raise_for_status()
    return time.monotonic() - began


@pytest.mark.timeout(300)
def test_of_200_clicks_at_once_one_promotion_is_active(panel: Panel) -> None:
    until(lambda: not Promotion.objects.exclude(state__in=TERMINAL).exists(), "the lane is free")
    httpx.put(f"{panel.world.server}/sandbox/settings", json={"speed": 0.1}, timeout=10).raise_for_status()
    form = _form(panel, "/environments/e02/promote?release=3.0.0")
    answers = Counter(asyncio.run(_clicked(panel, form)))
    # the first promotion's commit makes the preview old: who asks after that is told so
    assert answers.keys() <= {("page", 303), ("page", 409), ("api", 202), ("api", 409)}, answers
    assert answers.total() == CLICKS
    assert answers["page", 303] + answers["api", 202] > 0
    until(lambda: Promotion.objects.filter(environment__name="e02", state__in=IN_LANE).exists(), "one is active")
    active = Promotion.objects.filter(environment__name="e02", state__in=IN_LANE)
    assert active.count() == 1
    mine = Promotion.objects.filter(environment__name="e02", release__version="3.0.0")
    assert mine.count() in (1, 2), "one of the person, one of the token"
    httpx.put(f"{panel.world.server}/sandbox/settings", json={"speed": 40.0}, timeout=10).raise_for_status()
    until(lambda: not Promotion.objects.exclude(state__in=TERMINAL).exists(), "both end")
    assert verdict(panel.world, [str(one.pk) for one in mine]) == []


def _form(panel: Panel, path: str) -> dict[str, str]:
    """What the button of the promote page sends, once the preview is ready."""
    found: dict[str, str] = {}

    def is_ready() -> bool:
        html = panel.get(path).text
        found.update(re.findall(r'name="(csrfmiddlewaretoken|render_digest)" value="([^"]+)"', html))
        return "render_digest" in found

    until(is_ready, "the preview is ready")
    return found


async def _clicked(panel: Panel, form: dict[str, str]) -> list[tuple[str, int]]:
    """Half of them on the page, half by the API; each has its own key, as two tabs have."""
    limits = httpx.Limits(max_connections=CLICKS)
    body = {"release": "3.0.0", "environment": "e02", "reason": "A click.", "render_digest": form["render_digest"]}

    async with httpx.AsyncClient(base_url=panel.address, limits=limits, timeout=60) as client:

        async def on_the_page(number: int) -> tuple[str, int]:
            sent = {**form, "reason": "A click.", "key": f"page-{number}"}
            cookies = "; ".join(f"{name}={value}" for name, value in panel.cookies.items())
            headers = {"Cookie": cookies, "Referer": f"{panel.address}/"}
            answer = await client.post("/environments/e02/promote?release=3.0.0", data=sent, headers=headers)
            return "page", answer.status_code

        async def by_the_api(number: int) -> tuple[str, int]:
            headers = {**panel.bearer, "Idempotency-Key": f"api-{number}"}
            answer = await client.post("/api/v1/promotions", json=body, headers=headers)
            return "api", answer.status_code

        half = range(CLICKS // 2)
        return await asyncio.gather(*(act(number) for number in half for act in (on_the_page, by_the_api)))
