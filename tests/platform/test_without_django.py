"""Hooks and other tools read the catalog and render without Django."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "module",
    ["controlpanel.catalog.document", "controlpanel.catalog.argo", "deployments.renderers", "deployments.renderers.difference",
     "controlpanel.core.literal_secrets_in_files", "deployments.policies"],
)  # fmt: skip
def test_a_module_for_hooks_does_not_load_django(module: str) -> None:
    code = f"import sys, {module}; sys.exit('django' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
