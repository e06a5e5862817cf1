"""A wrong setting, name or argument is one sentence that names it and the remedy; no secret in it is repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from controlpanel import configuration
from controlpanel.accounts.models import ApiToken, User
from controlpanel.catalog import connections
from controlpanel.clients.errors import GitError
from controlpanel.clients.git import GitRepository
from controlpanel.configuration import ConfigurationError
from controlpanel.core.models import AuditEvent

SECRET = "hunter2"
WRONG = [
    ("DJANGO_SECRET_KEY", SECRET), ("LOG_FORMAT", "xml"), ("DEBUG", "maybe"), ("PUBLIC_URL", ""), ("PUBLIC_URL", "panel.example.com"),
    ("PUBLIC_URL", "http://["), ("PUBLIC_URL", f"https://ada:{SECRET}@panel.example.com"), ("PUBLIC_URL", "https://panel.example.com/path"),
    ("PUBLIC_URL", "https://panel.example.com\n"), ("DEPLOY_REPO_COMMIT_URL", "https://git.example.com/deploy"),
    ("PLATFORM_REPO_COMMIT_URL", "javascript:alert('{commit}')"), ("DEPLOY_REPO_COMMIT_URL", f"https://ada:{SECRET}@git.example.com/{{commit}}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_variable_stops_the_start_with_one_sentence(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as stopped:
        configuration.load()
    said = str(stopped.value)
    assert said.startswith(f"{name} ") and SECRET not in said and "\n" not in said


@pytest.mark.parametrize("name", ["ARGOCD_INSECURE", "DEBUG"])
def test_a_switch_that_is_set_to_nothing_is_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ARGOCD_INSECURE= script/server`, or an unset variable that Compose hands on."""
    monkeypatch.setenv(name, "")
    assert getattr(configuration.load(), name.lower()) is False


@pytest.mark.parametrize("value", ["1", "true", "True", "t", "yes", "y", "on"])
def test_what_the_configuration_takes_for_on_is_on(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOCD_INSECURE", value)
    assert configuration.load().argocd_insecure and value.lower() in connections.TRUE


@pytest.mark.parametrize("value", ["", "0", "-1", "soon", "nan", "inf", "1e999"])
def test_a_time_that_is_none_stops_the_start(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTROL_PANEL_LEASE_SECONDS", value)
    with pytest.raises(ConfigurationError, match=r"^CONTROL_PANEL_LEASE_SECONDS is wrong: .+\."):
        configuration.load_timings()


@pytest.mark.parametrize(
    "url", ["", "mail", f"smtp://ada:{SECRET}@mail:port", f"smtp://ada:{SECRET}@[", "smtp://", f"imap://ada:{SECRET}@mail", "smtp://mail:99999"]
)  # fmt: skip
def test_a_mail_server_that_is_none_stops_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^EMAIL_URL is not understood\. Use smtp://") as stopped:
        configuration.email_settings(url)
    assert SECRET not in str(stopped.value)


def test_a_place_for_copies_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    repository = GitRepository(str(tmp_path), tmp_path / "file" / "cache")
    with pytest.raises(GitError, match="Set CACHE_DIRECTORY"):
        repository.tip("main")


COMMANDS = [
    ("create_user", "", "--role", "viewer"),
    ("create_user", "n" * 101, "--role", "viewer"),
    ("create_user", "ada\nRequested-By: someone", "--role", "viewer"),
    ("create_user", "token ci", "--role", "viewer"),
    ("create_user", "ada", "--role", "king"),
    ("create_user", "ada", "--role", "viewer", "--email", "ada@example.com\nBcc: all@example.com"),
    ("create_user", "ada", "--role", "viewer", "--display-name", "Ada\x1b[31m"),
    ("create_user", "ada", "--role", "viewer", "--display-name", "a" * 151),
    ("create_user", "ada", "--role", "viewer", "--environment", "e" * 64),
    ("create_user", "ada", "--role", "viewer", "--tenant", "A tenant"),
    ("create_token", "", "--scope", "read"),
    ("create_token", "n" * 101, "--scope", "read"),
    ("create_token", "ci\nRequested-By: someone", "--scope", "read"),
    ("create_token", "ci) (token root", "--scope", "read"),
    ("create_token", "n" * 100, "--scope", "read", "--for", "somebody-with-a-name-of-more-than-forty-letters"),
    ("create_token", "ci", "--scope", "all"),
    ("create_token", "ci", "--scope", "read", "--expires", "0"),
    ("create_token", "ci", "--scope", "read", "--expires", "-99999999999"),
    ("create_token", "ci", "--scope", "read", "--expires", "99999999999"),
    ("create_token", "ci", "--scope", "read", "--environment", "staging\x00"),
    ("create_token", "ci", "--scope", "read", "--for", "nobody"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: " ".join(arguments)[:60])
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_made(arguments: tuple[str, ...]) -> None:
    User.objects.create_user(username="somebody-with-a-name-of-more-than-forty-letters")
    before = _counts()
    with pytest.raises(CommandError) as refused:
        call_command(*arguments)
    assert len(str(refused.value).split(". ")) >= 2, "a sentence and a remedy"
    assert _counts() == before


@pytest.mark.django_db
def test_a_role_named_twice_is_given_once(capsys: Any) -> None:
    call_command(
        "create_user",
        "ada",
        "--role",
        "viewer",
        "--role",
        "viewer",
        "--environment",
        "staging",
        "--environment",
        "staging",
    )
    assert User.objects.get(username="ada").bindings.count() == 1


def _counts() -> tuple[int, int, int]:
    return User.objects.count(), ApiToken.objects.count(), AuditEvent.objects.count()
