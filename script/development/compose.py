"""Hold the Compose files to the schema of the Compose Specification, without Docker."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema_rs
import yaml

from script.development.paths import ROOT

SCHEMA = ROOT / "tests/contract/compose-spec.json"


def files(root: Path) -> list[Path]:
    """Every Compose file of the repository."""
    return sorted((root / "docker").glob("*.yml"))


def problems(file: Path) -> Iterator[str]:
    """What the schema says against a file, each with the way to the field."""
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text("utf-8")))
    try:
        document = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as broken:
        yield str(broken)
        return
    for error in validator.iter_errors(document):
        yield f"{'.'.join(map(str, error.instance_path)) or 'the file'}: {error.message[:300]}"


def main() -> int:
    """Print what is wrong and return 1 when something is."""
    every = files(ROOT)
    found = [f"{file.relative_to(ROOT)}: {text}" for file in every for text in problems(file)]
    print("\n".join(found) or f"{len(every)} Compose files hold to the specification.")
    return 1 if found or not every else 0


if __name__ == "__main__":
    sys.exit(main())
