"""The catalog as loaded: what is in force, and what was wrong with what was refused since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.current import current_document
from controlpanel.catalog.document import CatalogDocument, ComponentSpec, EnvironmentSpec, waves
from controlpanel.catalog.models import CatalogVersion
from controlpanel.core.permissions import Right

WIDTH, HEIGHT, GAP_X, GAP_Y, PAD = 136, 28, 56, 12, 8
"""Sizes in the picture of the waves, in its own units."""


@dataclass(frozen=True)
class Box:
    """One component in the picture."""

    name: str
    x: int
    y: int


@dataclass(frozen=True)
class Picture:
    """The waves from left to right: a box for each component, a line for each need."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    words: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The newest document that was not put into force, with each problem and the line that it is about."""

    version: CatalogVersion
    problems: tuple[dict[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class CatalogPage:
    """What the page shows; `document` is None before the first one was loaded."""

    current: CatalogVersion | None
    refused: Refused | None
    document: CatalogDocument | None
    environments: tuple[EnvironmentSpec, ...]
    picture: Picture | None


def catalog_of_page(actor: Actor) -> CatalogPage:
    """Read it in three queries; environments are those that the actor may see, problems for whoever sees all."""
    newest = list(CatalogVersion.objects.all()[:1])
    current = CatalogVersion.objects.filter(is_current=True).first()
    document = current_document() if current else None
    seen = tuple(one for one in document.environments if actor.may(Right.CATALOG_VIEW, one.name)) if document else ()
    is_refused = bool(newest and newest[0].problems) and actor.may(Right.CATALOG_VIEW, "")
    return CatalogPage(
        current=current, refused=_refused(newest[0]) if is_refused else None, document=document, environments=seen,
        picture=picture_of(document.components) if document else None,
    )  # fmt: skip


def picture_of(components: Sequence[ComponentSpec]) -> Picture:
    """Places for the boxes, and a curve from each component to those that need it."""
    columns = waves(components)
    tallest = max(map(len, columns), default=0)
    boxes = {
        name: Box(name, PAD + column * (WIDTH + GAP_X), PAD + row * (HEIGHT + GAP_Y))
        for column, names in enumerate(columns)
        for row, name in enumerate(names)
    }
    lines = [_line(boxes[need], boxes[one.name]) for one in components for need in one.needs if need in boxes]
    words = "; ".join(f"wave {number}: {', '.join(names)}" for number, names in enumerate(columns, 1))
    width = 2 * PAD + len(columns) * (WIDTH + GAP_X) - GAP_X
    return Picture(width, 2 * PAD + tallest * (HEIGHT + GAP_Y) - GAP_Y, tuple(boxes.values()), tuple(lines), words)


def _line(start: Box, end: Box) -> str:
    x1, y1, x2, y2 = start.x + WIDTH, start.y + HEIGHT // 2, end.x, end.y + HEIGHT // 2
    return f"M{x1} {y1}C{x1 + GAP_X // 2} {y1} {x2 - GAP_X // 2} {y2} {x2} {y2}"


def _refused(version: CatalogVersion) -> Refused:
    lines = version.text.splitlines()
    shown = [
        {**problem, "text": lines[problem["line"] - 1][:300] if 0 < problem["line"] <= len(lines) else ""}
        for problem in version.problems
    ]
    return Refused(version=version, problems=tuple(shown))
