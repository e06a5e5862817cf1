"""What a measure gives back, and how it is printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number. `most` is what it may be at most, or None where nothing is promised."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        """The share of what is allowed: above 1 a promise is broken. None where it may be nothing, and is nothing."""
        if not self.most:
            return None if self.most is None or not self.value else float("inf")
        return self.value / self.most

    @property
    def text(self) -> str:
        """The number with its unit, as people read it."""
        digits = 0 if self.value == int(self.value) or abs(self.value) >= 100 else 2
        return f"{self.value:,.{digits}f} {self.unit}".rstrip()

    @property
    def is_kept(self) -> bool:
        """Whether the promise is kept; True where there is none."""
        return self.most is None or self.value <= self.most


def table(figures: Iterable[Figure]) -> str:
    """Lines of name, value, promise and ratio."""
    lines = [f"  {'':<44} {'measured':>14} {'at most':>10} {'ratio':>6}"]
    for figure in figures:
        most = "" if figure.most is None else f"{figure.most:g}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        mark = "" if figure.is_kept else "  too much"
        lines.append(f"  {figure.name:<44} {figure.text:>14} {most:>10} {ratio:>6}{mark}".rstrip())
    return "\n".join(lines)
