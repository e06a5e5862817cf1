"""The frame of every page: navigation, theme, sign in, errors."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from psycopg.errors import ReadOnlySqlTransaction
from structlog.testing import capture_logs

from controlpanel.core.context import ENTRIES
from controlpanel.core.errors import ConflictError, RefusedError
from controlpanel.core.middleware import UserErrorMiddleware
from controlpanel.core.permissions import Right
from tests.core import rules

pytestmark = [pytest.mark.urls("tests.core.rules"), pytest.mark.django_db]
HTML_LIMIT = 60_000


@pytest.fixture
def client(settings: Any) -> Client:
    """A signed-in browser that may see everything there is."""
    settings.PANEL_HOOKS = {}
    settings.COMPONENT_SHEET = True
    browser = Client()
    browser.force_login(get_user_model().objects.create(username="elif", display_name="Elif Kaya"))
    return browser


def page(client: Client, path: str = "/") -> str:
    """The page's HTML."""
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_page_has_landmarks_one_heading_and_a_way_past_them(client: Client) -> None:
    html = page(client)
    assert html.count("<h1") == 1
    for landmark in ("<header", "<main", 'aria-label="Main"', 'aria-label="Breadcrumbs"'):
        assert landmark in html
    assert html.index("Skip to content") < html.index("<header")


def test_the_navigation_names_only_pages_that_exist(client: Client) -> None:
    html = page(client)
    assert 'href="/promotions"' in html
    assert "Releases</span>" not in html


def test_the_navigation_leaves_out_what_the_person_may_not_open(client: Client, settings: Any) -> None:
    settings.PANEL_HOOKS = {"actor": f"{rules.__name__}.someone_without_the_audit_log"}
    html = page(client)
    assert 'href="/promotions"' in html
    assert 'href="/audit"' not in html


def test_the_navigation_counts(client: Client, settings: Any) -> None:
    settings.PANEL_HOOKS = {"count.promotions": f"{rules.__name__}.three"}
    assert '3<span class="visually-hidden"> active</span>' in page(client)


@pytest.mark.parametrize(("path", "name"), [("/", "Pipeline"), ("/promotions", "Promotions"), ("/audit", "Audit log")])
def test_the_current_page_is_marked(client: Client, path: str, name: str) -> None:
    marked = page(client, path).split('aria-current="page"')[1]
    assert marked.split('<span class="name">')[1].startswith(name)


def test_every_entry_asks_for_a_right() -> None:
    assert all(isinstance(entry.right, Right) for entry in ENTRIES)
    assert len({entry.route for entry in ENTRIES}) == len(ENTRIES)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_kept_and_the_page_comes_back(client: Client, theme: str) -> None:
    response = client.post("/theme", {"theme": theme, "next": "/audit?who=elif"})
    assert (response.status_code, response["Location"]) == (302, "/audit?who=elif")
    assert f'<html lang="en" data-theme="{theme}">' in page(client)


def test_the_system_theme_sets_nothing(client: Client) -> None:
    client.post("/theme", {"theme": "system"})
    assert '<html lang="en">' in page(client)


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_theme_never_leads_elsewhere(client: Client, back: str) -> None:
    assert client.post("/theme", {"theme": "dark", "next": back})["Location"] == "/"


def test_an_unknown_theme_is_the_systems(client: Client) -> None:
    client.post("/theme", {"theme": '"><script>'})
    assert '<html lang="en">' in page(client)


def test_sign_in_keeps_the_page_asked_for_and_says_what_is_wrong() -> None:
    get_user_model().objects.create_user(username="deniz", password="a-long-passphrase")
    browser = Client()
    first = browser.get("/login?next=/audit").content.decode()
    assert 'value="/audit"' in first
    wrong = browser.post("/login", {"username": "deniz", "password": "no", "next": "/audit"}).content.decode()
    assert "Name and password do not belong together." in wrong
    assert 'value="deniz"' in wrong
    right = browser.post("/login", {"username": "deniz", "password": "a-long-passphrase", "next": "/audit"})
    assert right["Location"] == "/audit"


def test_an_error_for_people_has_its_sentence_and_remedy(client: Client) -> None:
    request = RequestFactory().get("/")
    middleware = UserErrorMiddleware(lambda request: client.get("/"))  # type: ignore[arg-type,return-value]
    for error, status in ((ConflictError("Deniz aborted this 4 s ago."), 409), (RefusedError("No.", "Ask."), 403)):
        response = middleware.process_exception(request, error)
        assert response is not None
        assert response.status_code == status
        assert error.sentence in response.content.decode()


def test_a_database_that_takes_no_writing_says_that_the_panel_can_only_show(client: Client) -> None:
    refused = DatabaseError("cannot execute UPDATE in a read-only transaction")
    refused.__cause__ = ReadOnlySqlTransaction()
    middleware = UserErrorMiddleware(lambda request: client.get("/"))  # type: ignore[arg-type,return-value]
    response = middleware.process_exception(RequestFactory().get("/"), refused)
    assert response is not None
    assert response.status_code == 503
    assert "The panel can show but not act right now." in response.content.decode()
    assert "Running promotions wait safely." in response.content.decode()
    assert middleware.process_exception(RequestFactory().get("/"), DatabaseError("gone")) is None


def test_a_page_that_does_not_exist_says_so(client: Client) -> None:
    client.raise_request_exception = False
    response = client.get("/nowhere")
    assert response.status_code == 404
    assert "Not found, or not yours to see." in response.content.decode()


def test_a_refusal_says_why() -> None:
    html = render_to_string("403.html", {"exception": str(PermissionDenied("It needs the role release manager."))})
    assert "It needs the role release manager." in html


def test_the_page_for_our_own_faults_needs_nothing_that_may_be_broken() -> None:
    assert "Something broke on our side." in render_to_string("500.html")


def test_a_fault_has_a_reference_that_leads_to_the_log(client: Client) -> None:
    client.raise_request_exception = False
    with capture_logs() as said:
        html = client.get("/broken?a=b").content.decode()
    [reference] = [one["reference"] for one in said if one["event"] == "fault"]
    assert f"Reference <code>{reference}</code>." in html
    assert '<a class="button" href="/broken?a=b">Try again</a>' in html
    assert "ZeroDivisionError" not in html
    assert "not recorded" not in html


@pytest.mark.parametrize(
    ("sent_from", "link"),
    [
        ("http://testserver/page?tab=log", '<a class="button" href="http://testserver/page?tab=log">Try again</a>'),
        ("https://elsewhere.example/page", ""),
        ("", ""),
    ],
)
def test_after_a_form_try_again_leads_to_its_page_and_nowhere_else(client: Client, sent_from: str, link: str) -> None:
    client.raise_request_exception = False
    html = client.post("/broken", headers={"Referer": sent_from}).content.decode()
    assert "Your action was not recorded." in html
    assert link in html
    assert html.count("Try again") == bool(link)


def test_messages_are_toasts_and_errors_stay(client: Client) -> None:
    html = page(client, "/messages")
    assert html.count("data-toast") == 2
    assert html.count("data-stays") == 1
    assert "&lt;b&gt;" in html


def test_the_component_sheet_shows_every_state_and_stays_small(client: Client) -> None:
    html = page(client, "/settings/components")
    for word in ("Awaiting approval", "OutOfSync", "Not checked", "Superseded", "Promote to production"):
        assert word in html
    assert len(gzip.compress(html.encode())) <= HTML_LIMIT


def test_the_component_sheet_is_for_development_only(client: Client, settings: Any) -> None:
    assert 'href="/settings/components"' in page(client)
    settings.COMPONENT_SHEET = False
    assert client.get("/settings/components").status_code == 404
    assert 'href="/settings/components"' not in page(client)
