"""Every field that a page or the API may know, and addresses with something that is there for each of their parts."""

from __future__ import annotations

import re

from tests.test_permissions import Route

SLUG = "clinic-000"
VERSION, KEY = "2026.11.0", "DOKTOR365_SECRET"
FIELDS = (
    "reason", "note", "notes", "title", "name", "slug", "display_name", "displayName", "owner", "text", "q", "version", "commit",
    "release", "environment", "kind", "store", "remoteKey", "remote_key", "property", "value", "key", "encrypted", "until", "labels",
    "contacts", "username", "render_digest", "components", "who", "action", "cursor", "next", "scopes", "expires", "format",
)  # fmt: skip


def path_of(route: Route) -> str:
    """The address with something that is there for each part."""
    words = {"slug": SLUG, "name": "staging", "version": VERSION, "key": KEY, "item": KEY}

    def word(match: re.Match[str]) -> str:
        kind, _, name = match[1].rpartition(":")
        number = "1" if kind == "int" else "0198c0de-0000-7000-8000-000000000001" if kind == "uuid" else "x"
        return words.get(name, number)

    return re.sub(
        r"<([^>]+)>|\{([^}]+)\}",
        lambda match: word(match) if match[1] else words.get(match[2].rpartition(":")[2], "1"),
        route.path,
    )
