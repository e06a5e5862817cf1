"""Rendering the reference platform and charts beside the tools alone: cold, unchanged, and unchanged in another commit.

Both sides run as many children at a time and take turns. What counts is the middle of all rounds' ratios: the machine's own
speed changes by a fifth from second to second, and both sides of one round are measured within one.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import yaml

from controlpanel.catalog.document import CatalogDocument, ComponentSpec, parse
from controlpanel.catalog.models import Environment
from deployments.models import Release, RenderedComponent
from deployments.renderers.tools import find
from deployments.rendering import AT_ONCE, render_release
from script.development.paths import ROOT
from tests.bench import place
from tests.bench.figures import Figure
from tests.deployments.renderers.chart_tree import CHART, TREE

PLACE = "production"
CHARTS = 6
ROUNDS = 40
DIGEST = f"sha256:{'a' * 64}"
_IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")


def run(directory: Path, database_url: str, options: argparse.Namespace) -> list[Figure]:
    """Make a repository of overlays and charts, and render both as the panel does and by the tools."""
    repository = directory / place.WORLD / "platform"
    document = _write(repository)
    Environment.objects.create(name=PLACE, title="Production", position=0, branch=f"env/{PLACE}", project="hub")
    kinds = {
        "kustomize": [one.name for one in document.components if one.renderer == "kustomize"],
        "helm": [one.name for one in document.components if one.renderer == "helm"],
        "release": [one.name for one in document.components if one.renderer in ("kustomize", "helm")],
    }
    return [figure for kind, names in kinds.items() for figure in _measure(kind, names, document, repository)]


@dataclass
class Taken:
    """What one way took in each round: seconds, and seconds of processor time of this process and its children."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def add(self, act: Callable[[], object]) -> None:
        """Do it once more."""
        began, used = time.perf_counter(), _processor()
        act()
        self.wall.append(time.perf_counter() - began)
        self.processor.append(_processor() - used)


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _measure(kind: str, names: list[str], document: CatalogDocument, repository: Path) -> Iterator[Figure]:
    release, again = _release(document, repository), _release(document, repository)
    programs = [_program(document.component(name), repository) for name in names]
    place_row = Environment.objects.get()
    alone, cold, unchanged, elsewhere = Taken(), Taken(), Taken(), Taken()
    for number in range(ROUNDS + 1):
        if number == 1:  # the first round fills caches of both
            alone, cold, unchanged, elsewhere = Taken(), Taken(), Taken(), Taken()
        RenderedComponent.objects.all().delete()
        alone.add(lambda: _tools(programs))
        cold.add(lambda: render_release(release, place_row, names))
        unchanged.add(lambda: render_release(release, place_row, names))
        elsewhere.add(lambda: render_release(again, place_row, names))
    yield Figure(f"{kind} alone, {len(names)} components", median(alone.wall) * 1000, "ms")
    yield Figure(f"{kind}: cold", _ratio(cold.wall, alone.wall), "×", most=1.2)
    yield Figure(f"{kind}: cold, processor time", _ratio(cold.processor, alone.processor), "×", most=1.2)
    yield Figure(f"{kind}: unchanged", _ratio(unchanged.wall, alone.wall), "×", most=0.05)
    yield Figure(f"{kind}: unchanged, another commit", _ratio(elsewhere.wall, alone.wall), "×", most=0.05)


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def _tools(programs: list[list[str]]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda program: subprocess.run(program, stdout=subprocess.PIPE, check=True), programs))


def _program(component: ComponentSpec, repository: Path) -> list[str]:
    path = repository / component.path
    if component.renderer == "kustomize":
        return [str(find("kubectl")), "kustomize", str(path / "overlays" / PLACE)]
    values = [f"--values={path / one}" for one in component.values_for(PLACE)]
    return [str(find("helm")), "template", component.release_name, str(path), *values]


def _write(repository: Path) -> CatalogDocument:
    """The reference platform with some charts beside it, committed."""
    repository.mkdir(parents=True)
    for folder in ("kubernetes", "monitoring"):
        shutil.copytree(ROOT / folder, repository / folder)
    catalog = yaml.safe_load((ROOT / "platform.yaml").read_text("utf-8"))
    for spec in catalog["environments"].values():
        spec["destination"].setdefault("kubernetesVersion", "1.33.0")
    for number in range(CHARTS):
        path = f"kubernetes/chart{number}"
        catalog["components"][f"chart{number}"] = {"path": path, "renderer": "helm", "images": ["cache"]}
        for file, text in TREE.items():
            if file.startswith(CHART.path):
                target = repository / path / file.removeprefix(f"{CHART.path}/").replace("staging", PLACE)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, "utf-8")
    text = yaml.safe_dump(catalog, sort_keys=False)
    (repository / "platform.yaml").write_text(text, "utf-8")
    subprocess.run(["git", "init", "-q", "-b", "main", str(repository)], check=True)
    return parse(text, filename="platform.yaml")


def _release(document: CatalogDocument, repository: Path) -> Release:
    """A release of a new commit that changes nothing that is rendered."""
    (repository / "README.md").write_text(os.urandom(8).hex(), "utf-8")
    git = ["git", "-C", str(repository), *_IDENTITY]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "bench"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    images = {key: f"registry.example.com/hub/{key}@{DIGEST}" for key in document.image_keys}
    return Release.objects.create(
        version=f"1.0.{Release.objects.count()}", commit=commit, images=images, created_by="ci"
    )
