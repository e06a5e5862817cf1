"""Guessing passwords is slow, whatever is typed, and hinders nobody else."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt
from django.test import Client

from controlpanel.accounts import signing_in
from controlpanel.accounts.models import User
from controlpanel.core.models import AuditEvent

pytestmark = pytest.mark.django_db
PASSWORD = "right-horse-battery"


@pytest.fixture
def elif_() -> User:
    return User.objects.create_user(username="elif", password=PASSWORD)


def _sign_in(name: str, password: str, address: str = "192.0.2.1") -> int:
    answer = Client(REMOTE_ADDR=address).post("/login", {"username": name, "password": password})
    return answer.status_code


def test_eight_wrong_tries_lock_a_name_for_an_address_only(elif_: User) -> None:
    assert [_sign_in("elif", "wrong") for _ in range(9)] == [200] * 7 + [429] * 2
    assert _sign_in("elif", PASSWORD) == 429
    assert _sign_in("elif", PASSWORD, address="192.0.2.2") == 302


def test_trying_on_while_locked_out_is_not_even_recorded(elif_: User) -> None:
    for _ in range(20):
        _sign_in("elif", "wrong")
    assert AccessAttempt.objects.get().failures_since_start == 8


def test_an_address_that_tries_many_names_is_locked_out_of_all_of_them(
    elif_: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_in, "TRIES_OF_ONE_ADDRESS", 10)
    answers = [_sign_in(f"somebody{number}", "wrong") for number in range(11)]
    assert answers == [200] * 10 + [429]
    assert _sign_in("elif", PASSWORD) == 429
    assert _sign_in("elif", PASSWORD, address="192.0.2.2") == 302


def test_the_page_of_a_locked_account_says_how_long_to_wait(elif_: User) -> None:
    for _ in range(8):
        _sign_in("elif", "wrong")
    answer = Client(REMOTE_ADDR="192.0.2.1").post("/login", {"username": "elif", "password": PASSWORD})
    assert "Wait 15 minutes" in answer.content.decode()


@pytest.mark.parametrize(
    "name", ["", " ", "n" * 151, "n" * 400, "n" * 100_000, "\ufffd", "elif\x00", "élîf", "' OR 1=1--"]
)
def test_a_name_that_nobody_can_have_is_refused_like_any_other(name: str) -> None:
    assert _sign_in(name, "wrong") in (200, 422)


def test_what_was_typed_is_not_kept(elif_: User) -> None:
    Client().post("/login?password=canary-1", {"username": "elif", "password": "canary-2"})
    row = AccessAttempt.objects.get()
    assert "canary" not in f"{row.get_data}{row.post_data}{row.path_info}"


def test_signing_in_gives_a_new_session(elif_: User) -> None:
    browser = Client()
    browser.cookies["session"] = "chosen-by-an-attacker"
    browser.post("/login", {"username": "elif", "password": PASSWORD})
    assert browser.cookies["session"].value not in ("", "chosen-by-an-attacker")
    assert browser.cookies["session"]["httponly"] and browser.cookies["session"]["samesite"] == "Lax"


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"],
)
def test_signing_in_never_leads_to_another_site(elif_: User, address: str) -> None:
    answer = Client().post("/login", {"username": "elif", "password": PASSWORD, "next": address})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/settings/account")


def test_an_address_with_characters_that_no_address_holds_is_refused(elif_: User) -> None:
    answer = Client().post("/login", {"username": "elif", "password": PASSWORD, "next": "\x01//evil.example"})
    assert 400 <= answer.status_code < 500
    assert "Location" not in answer.headers


def test_who_signs_in_is_kept_and_who_does_not_is_not(elif_: User) -> None:
    assert (_sign_in("elif", "wrong"), _sign_in("elif", PASSWORD)) == (200, 302)
    row = AuditEvent.objects.get(action="user.sign_in")
    assert (row.actor, row.door, row.target) == ("elif", "page", "elif")
