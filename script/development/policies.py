"""Judge what each environment would hold by the policies that the gate asks, before it is committed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from controlpanel.catalog.document import parse
from deployments.policies import Finding, Manifests, judge, policies
from deployments.renderers.base import RenderError, render_all
from script.development.overlays import requests
from script.development.paths import ROOT

TENANTS = ("chat365",)
"""The tenants that the repository speaks of as examples; the panel itself knows the real ones."""


def manifests(root: Path) -> Iterator[tuple[str, Manifests]]:
    """Each environment with what the panel would commit for it."""
    document = parse((root / "platform.yaml").read_text("utf-8"), filename="platform.yaml")
    keys = tuple(variable.key for variable in document.variables if variable.scope == "environment")
    for place in document.environments:
        files = render_all([one for one in requests(root) if one.environment == place.name])
        objects = {path: yaml.load(text, Loader=yaml.CSafeLoader) for path, text in sorted(files.items())}
        yield place.name, Manifests(objects, variables=keys, tenants=TENANTS)


def main() -> int:
    """Print each finding with object, rule and fix; returns 1 when there is one."""
    try:
        found: list[tuple[str, Finding]] = [
            (environment, finding) for environment, held in manifests(ROOT) for finding in judge(held)
        ]
    except RenderError as error:
        print(error)
        return 1
    print("\n".join(f"{environment}: {one.policy}: {one}" for environment, one in found) or _all_hold())
    return 1 if found else 0


def _all_hold() -> str:
    return f"{len(list(policies))} policies hold in every environment."


if __name__ == "__main__":
    sys.exit(main())
