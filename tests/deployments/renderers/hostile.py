"""How a hostile source is written: a change of one small tree, and words of its refusal."""

from __future__ import annotations

from dataclasses import dataclass

from controlpanel.catalog.document import ComponentSpec
from tests.deployments.renderers.chart_tree import CHART, KUSTOMIZATION, MANIFEST, OVERLAY, PLAIN

HERE = "kubernetes/cache/overlays/staging"
RESOURCE = f"{HERE}/service.yaml"


@dataclass(frozen=True)
class Link:
    """A symbolic link in place of a file; `OUTSIDE` stands for a folder with a canary beside the tree."""

    target: str


Content = str | bytes | Link | None


@dataclass(frozen=True)
class Hostile:
    """`files` are put into the tree (None: taken away); the refusal holds `words`."""

    name: str
    component: ComponentSpec
    files: dict[str, Content]
    words: str


def overlay(name: str, kustomization: str, words: str, **more: Content) -> Hostile:
    """An overlay with this kustomization."""
    return Hostile(name, OVERLAY, {KUSTOMIZATION: kustomization, **more}, words)


def resource(name: str, text: Content, words: str) -> Hostile:
    """An overlay with one resource of this text."""
    return Hostile(name, OVERLAY, {KUSTOMIZATION: "resources: [service.yaml]", RESOURCE: text}, words)


def plain(name: str, text: Content, words: str) -> Hostile:
    """A plain folder with one manifest of this text."""
    return Hostile(f"plain: {name}", PLAIN, {MANIFEST: text}, words)


def chart(name: str, file: str, text: Content, words: str) -> Hostile:
    """The chart with another file."""
    return Hostile(f"chart: {name}", CHART, {file: text}, words)


def inside(name: str, entry: str, words: str, **more: Content) -> Hostile:
    """An overlay with this entry under helmCharts."""
    text = f"helmGlobals: {{chartHome: ../..}}\nhelmCharts: [{{{entry}}}]\n"
    return Hostile(f"chart inside: {name}", OVERLAY, {KUSTOMIZATION: text, **more}, words)
