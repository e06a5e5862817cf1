"""Where things are: the checkout and the places that development writes to."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / ".run"
PYTHON = ROOT / ".venv" / "bin" / "python"
