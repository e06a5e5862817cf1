"""The history of measures: docs/benchmarks.md has a section for each, with a table that grows by a line with each record."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from script.development.paths import ROOT
from tests.bench.figures import Figure

PAGE = ROOT / "docs" / "benchmarks.md"


def record(measure: str, when: str, figures: Sequence[Figure], page: Path = PAGE) -> None:
    """Add a line for what was measured; `when` says date, commit and machine. A section or a table that is missing is begun.

    A measure whose figures have changed begins a new table in its section.
    """
    lines = page.read_text().rstrip("\n").split("\n")
    heading = f"## {measure}"
    if heading not in lines:
        lines += ["", heading, ""]
    begin = lines.index(heading) + 1
    end = next((n for n in range(begin, len(lines)) if lines[n].startswith("## ")), len(lines))
    section = "\n".join(lines[begin:end]).rstrip("\n").split("\n")
    header = _row("when", *(figure.name + _promise(figure) for figure in figures))
    if not any(line == header for line in section) or _last_header(section) != header:
        section += ["", header, _row(*("---" for _ in range(len(figures) + 1)))]
    section.append(_row(when, *(figure.text + _ratio(figure) for figure in figures)))
    rest = ["", *lines[end:]] if lines[end:] else []
    page.write_text("\n".join([*lines[:begin], *section, *rest]).replace("\n\n\n", "\n\n") + "\n")


def _last_header(section: Sequence[str]) -> str:
    headers = [before for before, line in pairwise(section) if line.startswith("| ---")]
    return headers[-1] if headers else ""


def _promise(figure: Figure) -> str:
    return "" if figure.most is None else f" (≤ {figure.most:g})"


def _ratio(figure: Figure) -> str:
    return "" if figure.ratio is None else f" ({figure.ratio:.2f} ×)"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
