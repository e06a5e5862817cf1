"""Somebody who signs in and follows every link, as the pages are without script."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import httpx
from django.urls import get_resolver, resolve

from tests.test_permissions import Route, page_routes

NO_PAGES = ("/static/", "/api/", "/events")
NOT_LINKED = {"metrics", "events", "login", "logout", "theme", "components", "^api/"}
"""For machines, by POST alone, or only where DEBUG is on."""
LINK = re.compile(r'(?:href|hx-get)="(/[^"#]*)"')


@dataclass
class Visitor:
    """A browser without script, and the answers that it got by address."""

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

    def broken(self) -> dict[str, int]:
        """The addresses that gave no page."""
        return {path: answer.status_code for path, answer in self.answers.items() if answer.status_code >= 400}

    def unseen(self) -> set[str]:
        """The routes that show a page and that no link led to."""
        routes = [route for route in page_routes(get_resolver().url_patterns, "") if route.name not in NOT_LINKED]
        shown = {route.name for route in routes if self.client.get(any_of(route)).status_code != 405}
        return shown - {resolve(httpx.URL(path).path).url_name for path in self.answers}


def any_of(route: Route) -> str:
    """An address of a route; what it names need not exist."""
    return re.sub(r"<[^>]+>", "0192aaaa-0000-7000-8000-000000000000", route.path)
