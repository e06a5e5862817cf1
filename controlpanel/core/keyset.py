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


def portion(rows: QuerySet[Row], *, by: str, cursor: str, limit: int) -> tuple[list[Row], str | None]:
    """The next `limit` rows by the integer column `by`, and the cursor of what follows (None at the end).

    Raises `InvalidError` for a cursor that no answer gave.
    """
    chosen = rows.order_by(f"-{by}")
    if cursor:
        chosen = chosen.filter(**{f"{by}__lt": _position(cursor)})
    found = list(chosen[: limit + 1])
    following = str(getattr(found[limit - 1], by)) if len(found) > limit else None
    return found[:limit], following


def listed(found: list[Row], following: str | None, shape: Callable[[Row], Any]) -> dict[str, Any]:
    """The list as the API answers it."""
    return {"items": [shape(row) for row in found], "next": following}


def _position(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidError(
            "The cursor is none that a list gave.", "Use the value of `next`, or leave it out.", field="cursor"
        )
    return int(cursor)
