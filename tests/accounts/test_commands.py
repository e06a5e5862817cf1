"""`create_user` and `create_token`: what they print, and what they refuse."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from controlpanel.accounts.actors import of_token
from controlpanel.accounts.models import ApiToken, RoleBinding, User
from controlpanel.accounts.tokens import token_read
from controlpanel.core.models import AuditEvent
from controlpanel.core.permissions import Right

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: Any) -> str:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("role", ["release-manager", "release manager", "Release-Manager"])
def test_a_person_is_made_with_a_role_and_a_first_password_that_is_printed_once(role: str) -> None:
    password = run("create_user", "ada", "--role", role).strip()
    assert User.objects.get(username="ada").check_password(password)
    assert [(one.role, one.environment) for one in RoleBinding.objects.all()] == [("release manager", "")]
    assert password not in str(list(AuditEvent.objects.values()))


def test_roles_may_hold_in_one_environment_only() -> None:
    run(
        "create_user",
        "ada",
        "--role",
        "viewer",
        "--role",
        "operator",
        "--environment",
        "staging",
        "--email",
        "a@example.com",
    )
    assert {(one.role, one.environment) for one in RoleBinding.objects.all()} == {
        ("viewer", "staging"),
        ("operator", "staging"),
    }
    assert User.objects.get().email == "a@example.com"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ada", "--role", "boss"], "no role boss"),
        (["taken", "--role", "viewer"], "taken exists already"),
        (["ada"], "--role"),
    ],
)
def test_a_person_who_cannot_be_is_refused_in_one_sentence(arguments: list[str], words: str) -> None:
    User.objects.create_user(username="taken")
    with pytest.raises(CommandError, match=words):
        run("create_user", *arguments)
    assert User.objects.count() == 1


def test_a_token_is_printed_and_nothing_else() -> None:
    printed = run(
        "create_token", "ci", "--scope", "promote", "--scope", "release", "--environment", "staging", "--expires", "30"
    )
    assert printed.startswith("cp_")
    assert printed.count("\n") == 1
    token = token_read(printed.strip())
    assert token is not None
    assert (token.scopes, token.environments, token.user) == (["promote", "release"], ["staging"], None)
    assert (token.expires_at - token.created_at).days in (29, 30)
    assert printed.strip() not in str(list(ApiToken.objects.values()))


def test_a_token_for_a_person_acts_with_their_rights() -> None:
    run("create_user", "vera", "--role", "viewer")
    token = token_read(run("create_token", "hers", "--scope", "admin", "--for", "vera").strip())
    assert token is not None
    actor = of_token(token)
    assert actor.may(Right.VIEW)
    assert not actor.may(Right.PROMOTION_REQUEST)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["x", "--scope", "all"], "no scope all"),
        (["x", "--scope", "read", "--for", "nobody"], "no person called nobody"),
        (["x", "--scope", "read", "--expires", "0"], "expire within a year"),
        (["x", "--scope", "read", "--expires", "100000000000"], "expire within a year"),
        (["taken", "--scope", "read"], "A token called taken exists"),
    ],
)
def test_a_token_that_cannot_be_is_refused_in_one_sentence(arguments: list[str], words: str) -> None:
    run("create_token", "taken", "--scope", "read")
    with pytest.raises(CommandError, match=words):
        run("create_token", *arguments)
    assert ApiToken.objects.count() == 1
