"""Lists that are read in portions, newest first; the cursor names the last row, so that new rows shift nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from django.db.models import Model, QuerySet
from pydantic import Field

from controlpanel.core.errors import InvalidError

Row = TypeVar("Row", bound=Model)
Limit = Annotated[int, Field(ge=1, le=100, description="How many rows at most.")]
Cursor = Annotated[str, Field(max_length=20, description="`next` of the portion before.")]


def whole_number(cursor: str) -> int:
    """The place that a cursor of an integer column names. Raises `ValueError`."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise ValueError("No whole number.")
    return int(cursor)


def portion(
    rows: QuerySet[Row], *, by: str, cursor: str, limit: int, place: Callable[[str], object] = whole_number
) -> tuple[list[Row], str | None]:
    """The next `limit` rows by the column `by`, and the cursor of what follows (None at the end); `place` reads a cursor.

    Raises `InvalidError` for a cursor that no answer gave.
    """
    chosen = rows.order_by(f"-{by}")
    if cursor:
        chosen = chosen.filter(**{f"{by}__lt": _position(cursor, place)})
    found = list(chosen[: limit + 1])
    following = str(getattr(found[limit - 1], by)) if len(found) > limit else None
    return found[:limit], following


def listed(found: list[Row], following: str | None, shape: Callable[[Row], Any]) -> dict[str, Any]:
    """The list as the API answers it."""
    return {"items": [shape(row) for row in found], "next": following}


def _position(cursor: str, place: Callable[[str], object]) -> object:
    try:
        return place(cursor)
    except ValueError:
        raise InvalidError(
            "The cursor is none that a list gave.", "Use the value of `next`, or leave it out.", field="cursor"
        ) from None
