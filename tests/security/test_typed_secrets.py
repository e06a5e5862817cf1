"""A secret that somebody types or sends is refused wherever it stands, and neither kept, logged nor repeated."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.test import Client

from controlpanel.accounts.tokens import token_create
from controlpanel.core import audit
from controlpanel.core.literal_secrets import find, hidden
from controlpanel.core.logs import without_secrets
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Role, Scope
from tests import fixtures_deployments as rows
from tests.security.canaries import SHAPES, canaries, traces

pytestmark = pytest.mark.django_db
ONE_OF_EACH = canaries(len(SHAPES))
TOKEN = ONE_OF_EACH[0]


@pytest.fixture
def elif_(client: Client) -> Client:
    """An operator at a browser."""
    rows.platform()
    rows.release("2026.11.3")
    client.force_login(rows.person("elif", Role.OPERATOR), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def bearer(db: None) -> dict[str, Any]:
    rows.platform()
    _, text = token_create(actor=audit.SYSTEM, name="ci", scopes=[Scope.ADMIN])
    return {"HTTP_AUTHORIZATION": f"Bearer {text}", "content_type": "application/json"}


def is_refused(answer: Any, canary: str) -> bool:
    said = answer.content.decode() + str(answer.headers)
    return answer.status_code == 422 and not any(trace in said for trace in traces(canary))


@pytest.mark.parametrize("canary", ONE_OF_EACH, ids=[shape.__name__ for shape in SHAPES])
def test_every_shape_is_known(canary: str) -> None:
    assert find(canary)
    assert not any(trace in hidden(f"before {canary} after") for trace in traces(canary))
    assert hidden(f"before {canary} after").startswith("before (hidden)") or "://" in canary


@pytest.mark.parametrize("canary", ONE_OF_EACH, ids=[shape.__name__ for shape in SHAPES])
def test_a_form_with_one_is_refused(elif_: Client, canary: str) -> None:
    address = "/environments/staging/promote?release=2026.11.3"
    assert is_refused(elif_.post(address, {"reason": f"Because {canary}"}), canary)
    assert is_refused(elif_.post(address, {canary: "x"}), canary)
    assert not AuditEvent.objects.filter(message__contains=traces(canary)[0]).exists()


@pytest.mark.parametrize(
    "address", ["/releases?q={}", "/releases/{}", "/nothing/{}", "/audit?who={}", "/login?next=/{}"]
)
def test_an_address_with_one_is_refused_for_everybody(elif_: Client, address: str) -> None:
    for client in (elif_, Client()):
        assert is_refused(client.get(address.format(TOKEN)), TOKEN)


@pytest.mark.parametrize("place", ["reason", "nested", "key", "unknown"])
def test_a_body_of_the_api_with_one_is_refused_and_the_field_named(bearer: dict[str, Any], place: str) -> None:
    bodies: dict[str, Any] = {
        "reason": {"release": "1", "environment": "staging", "reason": TOKEN},
        "nested": {"release": "1", "environment": "staging", "override": [{"gate": "lane-free", "reason": TOKEN}]},
        "key": {TOKEN: 1},
        "unknown": [TOKEN],
    }
    answer = Client().post("/api/v1/promotions", json.dumps(bodies[place]), **bearer)
    assert is_refused(answer, TOKEN)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["field"] in ("reason", "the body")


@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Request-ID", "User-Agent"])
def test_a_header_that_would_be_kept_is_refused_with_one(bearer: dict[str, Any], header: str) -> None:
    answer = Client().post("/api/v1/promotions", "{}", headers={header: TOKEN}, **bearer)
    assert is_refused(answer, TOKEN)


def test_a_wrong_password_may_look_like_anything_and_a_name_may_not(client: Client) -> None:
    rows.person("elif", Role.OPERATOR)
    assert client.post("/login", {"username": "elif", "password": TOKEN}).status_code == 200
    assert is_refused(client.post("/login", {"username": TOKEN, "password": "x"}), TOKEN)


@pytest.mark.parametrize("body", ["{", "[" * 5000, '"\\ud800"', ""])
def test_bodies_that_cannot_be_read_are_left_to_the_view(bearer: dict[str, Any], body: str) -> None:
    assert Client().post("/api/v1/promotions", body, **bearer).status_code in (400, 422)


def test_what_people_ordinarily_type_goes_through(elif_: Client) -> None:
    for reason in (
        "Rolls back 4fd1f9a5c7f18b5e7e1fbb7f8f4a1e3c1d2b3a4c",
        "See https://ci.example.com/run/17",
        "sha256:" + "0f" * 32,
    ):
        answer = elif_.post("/environments/staging/promote?release=2026.11.3", {"reason": reason})
        assert answer.status_code < 500
        assert b"looks like a secret" not in answer.content


def test_no_line_of_the_log_holds_one(elif_: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        elif_.post("/environments/staging/promote", {"reason": TOKEN})
        elif_.get(f"/releases/{TOKEN}")
    assert TOKEN not in caplog.text
    assert "typed_secret_refused" in caplog.text
    line = without_secrets(
        None, "error", {"event": f"failed: {TOKEN}", "exception": f"Traceback … {ONE_OF_EACH[2]}", "code": 7}
    )
    assert not any(trace in str(line) for canary in (TOKEN, ONE_OF_EACH[2]) for trace in traces(canary))


def test_a_promotion_page_without_a_release_is_absent(elif_: Client) -> None:
    assert elif_.get("/environments/staging/promote").status_code == 404
    assert elif_.post("/environments/staging/promote", {}).status_code == 404
