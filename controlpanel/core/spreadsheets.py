"""Lines of CSV that a spreadsheet takes for text, whoever wrote it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

FORMULA = tuple("=+-@＝＋－＠")
"""A spreadsheet takes such a beginning for a formula, and would run it; also behind blanks, and in full width."""


def cell(text: str) -> str:
    """The text, as text."""
    return f"'{text}" if text.lstrip().startswith(FORMULA) or text[:1] in ("\t", "\r", "\n") else text


def line(values: Iterable[str]) -> str:
    """One line, with its end."""
    written = io.StringIO()
    csv.writer(written).writerow([cell(value) for value in values])
    return written.getvalue()
