"""What the API says of a request that is not of the documented shape: the place, but no name that nobody has given a field."""

from __future__ import annotations

import pytest

from controlpanel.core.problems import _field
from tests.credentials import drawn


@pytest.mark.parametrize(
    ("loc", "said"),
    [
        (("body", "payload", "source", "commit"), "source.commit"),
        (("query", "limit"), "limit"),
        (("body", "payload", "contacts", 3, "email"), "contacts.3.email"),
        (("body", "payload", "two words"), "a field"),
        (("body", "payload", "x" * 61), "a field"),
    ],
)
def test_a_place_is_named_by_its_fields(loc: tuple[str | int, ...], said: str) -> None:
    assert _field({"loc": loc}) == said


@pytest.mark.parametrize("secret", [one.value for one in drawn(7, 17)], ids=[one.kind for one in drawn(7, 17)])
def test_a_secret_in_the_place_of_a_name_is_not_repeated(secret: str) -> None:
    assert _field({"loc": ("body", "payload", secret)}) == "a field"
