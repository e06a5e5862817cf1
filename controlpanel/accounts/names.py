"""What people, tokens and the places they are bound to may be called: one line, so that no record can be forged by a name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from controlpanel.core.errors import InvalidError

_ACCOUNT = re.compile(r"[\w.@+-]{1,100}")
_TOKEN = re.compile(r"[\w.@+:/-]{1,100}")
_TOGETHER = 140
_PLACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[A-Za-z0-9.-]{1,250}")


def check_account(name: str) -> None:
    """Raise `InvalidError` unless it can be the name of an account."""
    _check(
        _ACCOUNT, name, "cannot be the name of a person", "Use at most 100 letters, digits and . @ + - _.", "username"
    )


def check_token(name: str, person: str = "") -> None:
    """Raise `InvalidError` unless it can be the name of a token; records hold it together with its person's name."""
    if len(name) + len(person) > _TOGETHER:
        raise InvalidError(
            "The names of the token and its person are too long together.", "Choose a shorter one.", field="name"
        )
    _check(_TOKEN, name, "cannot be the name of a token", "Use at most 100 letters, digits and . @ + : / - _.", "name")


def check_places(names: Iterable[str], field: str) -> None:
    """Raise `InvalidError` unless each can be an environment or a tenant."""
    for name in names:
        _check(_PLACE, name, f"cannot be one of the {field}", "Use small letters, digits and hyphens.", field)


def check_mail(address: str) -> None:
    """Raise `InvalidError` unless it is empty or can be a mail address."""
    if address:
        _check(_MAIL, address, "is no mail address", "Write it as name@example.com.", "email")


def check_display_name(name: str) -> None:
    """Raise `InvalidError` for what cannot be shown in one line."""
    if len(name) > 150 or not name.isprintable():
        raise InvalidError(
            "The display name cannot be shown.", "Use at most 150 printable characters.", field="display_name"
        )


def _check(pattern: re.Pattern[str], text: str, wrong: str, remedy: str, field: str) -> None:
    if not pattern.fullmatch(text):
        raise InvalidError(f"{text[:150]!r} {wrong}.", remedy, field=field)
