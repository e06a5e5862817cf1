"""Kinds of text that the API takes: bounded, and such that PostgreSQL can hold them."""

from __future__ import annotations

from typing import Annotated, Any

from ninja.params.functions import Header
from pydantic import AfterValidator, Field


def _storable(text: str) -> str:
    if "\x00" in text or not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("holds a character that no text may have")
    return text


Word = Annotated[str, Field(max_length=100), AfterValidator(_storable)]
"""A name: of a release, an environment, a component."""

Text = Annotated[str, Field(max_length=20_000), AfterValidator(_storable)]
"""What a person wrote."""

Key = Annotated[str, AfterValidator(_storable)]
KEY: Any = Header(
    "", alias="Idempotency-Key", max_length=200, description="The same call with the same key changes nothing more."
)
"""The default of every `key: Key`."""
