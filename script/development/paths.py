"""Where things are: the checkout and the places that development writes to."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = Path(os.environ.get("CONTROL_PANEL_RUN_DIRECTORY") or ROOT / ".run").resolve()
PYTHON = ROOT / ".venv" / "bin" / "python"
