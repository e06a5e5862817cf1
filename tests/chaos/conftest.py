"""The mutants take minutes: `script/chaos` runs them, the ordinary run leaves them out."""

from __future__ import annotations

import os

collect_ignore = [] if os.environ.get("CHAOS_MUTANTS") else ["test_guards.py"]
