"""What the API takes: bodies without unknown members, and kinds of text that are bounded, and such that they can be kept and shown."""

from __future__ import annotations

import re
from typing import Annotated, Any

from ninja import Schema
from ninja.params.functions import Header
from pydantic import AfterValidator, ConfigDict, Field

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def is_fit(text: str) -> bool:
    """Whether text may be kept and shown: PostgreSQL cannot hold some characters, terminals obey some, and some turn
    the words around them the other way."""
    return not _UNFIT.search(text)


def fit(text: str) -> str:
    """The text. Raises `ValueError` where it may not be kept."""
    if not is_fit(text):
        raise ValueError("holds a character that no text may have")
    return text


Word = Annotated[str, Field(max_length=100), AfterValidator(fit)]
"""A name: of a release, an environment, a component."""

Text = Annotated[str, Field(max_length=20_000), AfterValidator(fit)]
"""What a person wrote."""

Key = Annotated[str, AfterValidator(fit)]
KEY: Any = Header(
    "", alias="Idempotency-Key", max_length=200, description="The same call with the same key changes nothing more."
)
"""The default of every `key: Key`."""


class Body(Schema):
    """The body of a request; a member that it does not know is refused, so that no typo is lost."""

    model_config = ConfigDict(extra="forbid")
