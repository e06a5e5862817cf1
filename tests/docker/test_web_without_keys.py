"""Web starts and serves every page with the variables of its own manifest: no key of Git or Argo CD is among them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from django.urls import get_resolver, resolve

from deployments.management.commands.demo import RELEASES
from tests.platform.test_control_panel import pods, variables
from tests.test_permissions import Route, page_routes
from tests.world import World, free_port, running_world, until

NEEDED_OF_THE_MACHINE = {"PATH", "HOME", "DJANGO_SETTINGS_MODULE", "CACHE_DIRECTORY"}
LINK = re.compile(r'(?:href|hx-get)="(/[^"#]*)"')
NO_PAGES = ("/static/", "/api/", "/events")
NOT_LINKED = {"metrics", "events", "login", "logout", "theme", "components", "^api/"}
"""For machines, by POST alone, or only where DEBUG is on."""


@dataclass
class Visitor:
    """An administrator's browser, and the answers that it got by address."""

    client: httpx.Client
    answers: dict[str, httpx.Response] = field(default_factory=dict)

    def sign_in(self, name: str, password: str) -> None:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.client.get("/login").text)
        assert token
        form = {"csrfmiddlewaretoken": token[1], "username": name, "password": password}
        answer = self.client.post("/login", data=form, headers={"Referer": f"{self.client.base_url}/login"})
        assert answer.status_code == 200
        assert self.client.get("/").url.path == "/"

    def follow(self, *first: str) -> None:
        """Open one page of each kind that a page links to; a kind is a route, and what is asked of it."""
        waiting, seen = list(first), set()
        while waiting:
            url = httpx.URL(waiting.pop(0))
            if not url.path.startswith(NO_PAGES) and (kind := (resolve(url.path).url_name, *url.params)) not in seen:
                seen.add(kind)
                self.answers[str(url)] = answer = self.client.get(url)
                waiting += [link.replace("&amp;", "&") for link in LINK.findall(answer.text)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("world"), committed_database) as world:
        world.manage("demo", "--history")
        world.watch()
        yield world


def of_web(world: World) -> dict[str, str]:
    """The world's variables that web's manifest gives to web, and what any process has."""
    web = dict(pods("production"))["web"]["containers"][0]
    names = variables("production", web) | NEEDED_OF_THE_MACHINE
    return {name: value for name, value in world.environment.items() if name in names}


def any_of(route: Route) -> str:
    """An address of a route; what it names need not exist."""
    return re.sub(r"<[^>]+>", "0192aaaa-0000-7000-8000-000000000000", route.path)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_web_serves_every_page_with_the_variables_of_its_manifest(world: World) -> None:
    keyed, password = world.environment, world.manage("create_user", "ada", "--role", "administrator").strip()
    world.environment = of_web(world)
    assert not {name for name in world.environment if name.startswith(("ARGOCD", "DEPLOY_REPO", "PLATFORM_REPO"))}
    port = free_port()
    world.serve(port)
    world.environment = keyed

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, timeout=30) as client:
        visitor = Visitor(client)
        visitor.sign_in("ada", password)
        visitor.follow("/", "/settings/status", "/readyz", "/healthz")
        promote = f"/environments/staging/promote?release={RELEASES[-2][0]}"
        until(lambda: "render" in client.get(promote).text.lower(), "the preview that watch renders is shown")
        routes = [route for route in page_routes(get_resolver().url_patterns, "") if route.name not in NOT_LINKED]
        shown = [route for route in routes if client.get(any_of(route)).status_code != 405]
        broken = {path: answer.status_code for path, answer in visitor.answers.items() if answer.status_code >= 400}

    assert broken == {}, world.logs()
    visited = {resolve(httpx.URL(path).path).url_name for path in visitor.answers}
    assert {route.name for route in shown} - visited == set()
