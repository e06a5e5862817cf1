"""The documents of the repository: their blocks of commands, links and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line on which the text begins."""

    language: str
    text: str
    line: int


def documents() -> list[Path]:
    """Every Markdown file for people, those of the sandbox and of the manifests included."""
    return [
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        ROOT / "sandbox/README.md",
        ROOT / "kubernetes/README.md",
    ]


def name_of(document: Path) -> str:
    """The path from the repository's root."""
    return document.relative_to(ROOT).as_posix()


def blocks(document: Path, language: str = "") -> list[Block]:
    """The fenced blocks of a document, or those of one language."""
    text = document.read_text("utf-8")
    found = [
        Block(match[1], match[2], text.count("\n", 0, match.start()) + 2) for match in FENCE.finditer(text)
    ]  # fmt: skip
    return [block for block in found if not language or block.language == language]


def commands(document: Path) -> Iterator[str]:
    """The commands of blocks that are shown and not run: lines that begin with a dollar sign, without comments."""
    for block in blocks(document, "console"):
        for line in block.text.splitlines():
            if line.startswith("$ "):
                yield re.sub(r"\s+#.*$", "", line.removeprefix("$ ")).strip()


def links(document: Path) -> list[str]:
    """The targets of links and pictures, those in code left out."""
    return LINK.findall(CODE.sub("", FENCE.sub("", document.read_text("utf-8"))))


def anchors(document: Path) -> set[str]:
    """The anchors that a forge makes of the headings."""
    headings = HEADING.findall(FENCE.sub("", document.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(document: Path, columns: int) -> list[list[str]]:
    """The rows of all tables with so many columns, heads and rules left out; cells as they are written."""
    found = []
    for line in FENCE.sub("", document.read_text("utf-8")).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else []
        if len(cells) == columns and cells[0].startswith("`"):
            found.append(cells)
    return found
