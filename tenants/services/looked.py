"""What one look of a round gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Looked:
    """`again_in` seconds the next look is due, and begins after the slug `cursor` ("" for from the start); `error` is a sentence."""

    again_in: float
    cursor: str = ""
    error: str = ""
