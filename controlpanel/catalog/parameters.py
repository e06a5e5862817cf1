"""What may be wrong with the parameters that the catalog gives to a gate or a check, in one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unknown(parameters: Mapping[str, Any], *known: str) -> list[str]:
    """Those that nobody takes; all of them where none is known."""
    return [f"It takes no parameter {name}." for name in parameters if name not in known]


def not_whole(parameters: Mapping[str, Any], name: str, *, least: int, most: int, otherwise: int) -> list[str]:
    """Whether one is no whole number within the bounds; left out it is `otherwise`."""
    value = parameters.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        return [f"Its {name} is a whole number from {least} to {most}."]
    return []
