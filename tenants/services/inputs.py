"""What people may type: checked at the edge, so that nothing that looks like a secret is stored, logged or repeated.

No error here holds the text that it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from controlpanel.accounts.models import User
from controlpanel.core.errors import InvalidError
from controlpanel.core.literal_secrets import find, looks_random

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
RESERVED = frozenset({"new", "import", "export", "reviews", "grid", "onboarding"})
"""Addresses of pages."""
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
MAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[A-Za-z0-9.-]{1,250}")
NAMES_OF_SECRETS = re.compile(
    r"arn:aws[\w-]*:(?:secretsmanager|ssm):[\w:/.@+=-]{1,300}|projects/[\w-]+/secrets/[\w/.-]{1,300}"
)
"""Whole names that a cloud gives; they end in letters drawn by a machine, and are places all the same."""
VALUE_REFUSED = "This looks like a value. Put it in the store and enter its place."
SECRET_REFUSED = "This looks like a secret. Put it in the store, and revoke it if it was used before."
SHORTEST_WORD = 16
"""Shorter words of a free text are not asked whether a machine drew them."""


def refuse_secrets(text: str, field: str, refusal: str = SECRET_REFUSED) -> None:
    """Raise `InvalidError` naming the field where the text holds what looks like a secret: by its shape, or drawn by a machine."""
    if find(text) or any(len(word) >= SHORTEST_WORD and _is_drawn(word) for word in text.split()):
        raise InvalidError(refusal, f"Nothing of {field} was stored.", field=field)


def checked_text(text: Any, field: str, *, most: int, least: int = 0) -> str:
    """The text in one line without blanks around it. Raises `InvalidError` naming the field."""
    if not isinstance(text, str):
        raise InvalidError(f"{_named(field)} must be a text.", field=field)
    bare = text.strip()
    if not bare.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        raise InvalidError(f"{_named(field)} cannot be shown.", "Use printable characters.", field=field)
    if not least <= len(bare) <= most:
        size = f"between {least} and {most}" if least else f"at most {most}"
        raise InvalidError(f"{_named(field)} must have {size} characters.", field=field)
    refuse_secrets(bare, field)
    return bare


def checked_slug(slug: Any) -> str:
    """Raise `InvalidError` unless it can be a tenant's."""
    if not isinstance(slug, str) or not SLUG.fullmatch(slug):
        raise InvalidError(
            "The slug cannot stand in the header X-Tenant.",
            "Use at most 63 small letters, digits and hyphens.",
            field="slug",
        )
    if slug in RESERVED:
        raise InvalidError("The slug is the address of a page.", "Choose another one.", field="slug")
    refuse_secrets(slug, "slug")
    return slug


def checked_owner(owner: Any) -> str:
    """The username of an account, or "". Raises `InvalidError`."""
    name = checked_text(owner, "owner", most=150)
    if name and not User.objects.filter(username=name).exists():
        raise InvalidError("The owner is no account.", "Create the account first: create_user.", field="owner")
    return name


def checked_contacts(contacts: Any) -> list[dict[str, str]]:
    """[{"name", "email", "role"}], at most 20. Raises `InvalidError`."""
    if not isinstance(contacts, Sequence) or isinstance(contacts, str) or len(contacts) > 20:
        raise InvalidError("Contacts must be a list of at most 20.", field="contacts")
    return [_contact(one, f"contacts.{position}") for position, one in enumerate(contacts)]


def _contact(contact: Any, field: str) -> dict[str, str]:
    if not isinstance(contact, Mapping) or set(contact) - {"name", "email", "role"}:
        raise InvalidError("A contact has a name, an email and a role.", field=field)
    given = {
        part: checked_text(contact.get(part, ""), f"{field}.{part}", most=150) for part in ("name", "email", "role")
    }
    if given["email"] and not MAIL.fullmatch(given["email"]):
        raise InvalidError("That is no mail address.", "Write it as name@example.com.", field=f"{field}.email")
    if not given["name"] and not given["email"]:
        raise InvalidError("A contact needs a name or an email.", field=field)
    return given


def checked_labels(labels: Any) -> dict[str, str]:
    """{name: text}, at most 50. Raises `InvalidError`."""
    if not isinstance(labels, Mapping) or len(labels) > 50:
        raise InvalidError("Labels must be at most 50 names with a text each.", field="labels")
    return {_label(name): checked_text(text, "labels", most=200) for name, text in sorted(labels.items())}


def _label(name: Any) -> str:
    if not isinstance(name, str) or not LABEL.fullmatch(name):
        raise InvalidError("A label's name has at most 63 letters, digits and . _ -.", field="labels")
    refuse_secrets(name, "labels")
    return name


def checked_address(text: Any, field: str) -> str:
    """An https address without credentials, query or fragment. Raises `InvalidError`."""
    address = checked_text(text, field, most=500)
    remedy = "Write it as https://host.example.com/path, without a name, a password or a query."
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise InvalidError(f"{_named(field)} is no address.", remedy, field=field) from None
    if parts.username is not None or parts.password is not None:
        raise InvalidError(VALUE_REFUSED, remedy, field=field)
    if parts.scheme != "https" or not re.fullmatch(
        r"[A-Za-z0-9.-]{1,253}|\[[0-9a-f:.]+\]", parts.netloc.removesuffix(f":{port}")
    ):
        raise InvalidError(f"{_named(field)} must be an https address.", remedy, field=field)
    if parts.query or parts.fragment or "?" in address or "#" in address or re.search(r"[\s\\]", address):
        raise InvalidError(f"{_named(field)} must be an address without query and fragment.", remedy, field=field)
    return address


def _is_drawn(word: str) -> bool:
    """Whether a machine drew the word, or one of its parts: of a path, an assignment, a list."""
    if NAMES_OF_SECRETS.fullmatch(word):
        return False
    parts = [part for part in re.split(r"[/=,;&?#|]", word) if len(part) >= SHORTEST_WORD - 4]
    return any(looks_random(part) for part in {word, *parts})


def _named(field: str) -> str:
    return f"The field {field}"
