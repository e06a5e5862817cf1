"""What every answer of the panel has, and what no question may break."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.test import Client

from controlpanel.core.permissions import Role
from tests.fixtures_deployments import person, platform, release

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    platform()
    release("2026.11.3")
    client = Client(raise_request_exception=False)
    client.force_login(person("adam", Role.ADMINISTRATOR), backend="django.contrib.auth.backends.ModelBackend")
    return client


NUL = [
    "/releases/%00", "/releases?q=%00", "/promotions/%00", "/promotions?state=%00", "/promotions?environment=%00",
    "/audit?who=%00", "/audit?action=%00", "/audit?environment=%00", "/?releases=%00", "/login?next=%00",
    "/environments/staging/promote?release=%00", "/environments/staging/promote?release=2026.11.3&preflight=%00",
]  # fmt: skip


@pytest.mark.parametrize("address", NUL)
def test_a_character_that_no_row_can_hold_is_a_mistake_of_the_asker(admin: Client, address: str) -> None:
    answer = admin.get(address)
    assert (answer.status_code, "no text may have" in answer.content.decode()) == (422, True)


@pytest.mark.parametrize("act", ["abort", "retry", "claim", "ignore"])
def test_a_reason_that_no_row_can_hold_is_a_mistake_of_the_asker(admin: Client, act: str) -> None:
    answer = admin.post(f"/promotions/1/{act}", {"reason": "because\x00of this"})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "address", ["/", "/login", "/releases", "/audit", "/nothing", "/promotions/99", "/api/v1/releases"]
)
def test_no_cache_keeps_a_page(admin: Client, address: str) -> None:
    assert "no-store" in admin.get(address).headers["Cache-Control"]


@pytest.mark.parametrize(
    "address",
    ["/", "/login", "/nothing", "/static/panel/base.css", "/static/none.css", "/healthz", "/metrics", "/events", "/api/v1/releases",
     "/api/nothing", "/releases?q=%00"],
)  # fmt: skip
def test_every_answer_says_what_the_browser_may_do(admin: Client, address: str) -> None:
    for client in (admin, Client(), Client(headers={"host": "evil.example"})):
        answer = client.get(address)
        answer.close()  # a static file is read as a stream
        headers = answer.headers
        assert headers["Content-Security-Policy"] == settings.CONTENT_SECURITY_POLICY
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"unsafe-|\*|https?:", settings.CONTENT_SECURITY_POLICY)


def test_only_the_login_page_static_files_and_health_are_open_to_strangers() -> None:
    stranger = Client(raise_request_exception=False)
    closed = [
        "/",
        "/releases",
        "/audit",
        "/metrics",
        "/events",
        "/settings/components",
        "/api/v1/openapi.json",
        "/promotions/1",
    ]
    assert {stranger.get(address).status_code for address in closed} <= {302, 401}
    absent = [
        "/admin/",
        "/api/v1/docs",
        "/api/docs",
        "/static/../manage.py",
        "/static/%2e%2e/manage.py",
        "/.git/config",
    ]
    assert {stranger.get(address).status_code for address in absent} == {404}
