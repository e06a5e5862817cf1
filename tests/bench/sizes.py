"""What a browser loads besides the page itself, compressed: style, scripts, icons; and what the web process holds.

The sizes of the pages themselves are in `pages`.
"""

from __future__ import annotations

import argparse
import gzip
import os
from pathlib import Path

from tests.bench import place
from tests.bench.figures import Figure
from tests.bench.processes import resident_megabytes
from tests.core.test_tokens import ALL_SCRIPT_LIMIT, CSS_LIMIT, HTMX, OURS, SCRIPT_LIMIT, SCRIPTS, SHEETS, STATIC
from tests.world import World, free_port


def run(directory: Path, database_url: str, options: argparse.Namespace) -> list[Figure]:
    """Compress each, and start a web process."""
    return [
        Figure("style", _kilobytes(SHEETS), "KB", most=CSS_LIMIT / 1000),
        Figure("scripts with htmx, stream and morph", _kilobytes((*SCRIPTS, HTMX)), "KB", most=ALL_SCRIPT_LIMIT / 1000),
        Figure("scripts without these", _kilobytes(OURS), "KB", most=SCRIPT_LIMIT / 1000),
        Figure("web, resident after its start", _web(directory / place.WORLD, database_url), "MB"),
    ]


def _kilobytes(names: tuple[str | Path, ...]) -> float:
    return sum(len(gzip.compress((STATIC / name).read_bytes())) for name in names) / 1000


def _web(directory: Path, database_url: str) -> float:
    world = World(directory, database_url, variables=place.TIMES)
    world.directory.mkdir()
    world.environment = {**os.environ, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    try:
        world.serve(free_port())
        return resident_megabytes(world.processes[-1].pid)
    finally:
        world.stop()
