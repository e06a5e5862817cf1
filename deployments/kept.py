"""Renderings that are kept, and found again by what they depend on: a recipe, and the content of the paths it read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from controlpanel.catalog.document import ComponentSpec
from controlpanel.clients.git import GitRepository
from deployments.models import RenderedComponent
from deployments.renderers.base import Rendered, RenderRequest

RENDERING_VERSION = 3
"""Part of every recipe: raise it when the same inputs may give other files."""
RENDERED_WITH = {"kubectl": "1.37.1", "helm": "4.3.1"}
"""Part of every recipe, too: the tools that the lock files pin, which a test compares."""


@dataclass(frozen=True)
class Order:
    """What is to be rendered, without the sources."""

    spec: ComponentSpec
    environment: str
    images: Mapping[str, str]
    namespace: str
    kubernetes_version: str

    @property
    def name(self) -> str:
        """The component's name."""
        return self.spec.name

    @property
    def recipe(self) -> str:
        """Hexadecimal SHA-256 over everything that decides the files, but the sources."""
        spec = self.spec
        return _digest(
            RENDERING_VERSION, RENDERED_WITH, sorted(spec.images), spec.name, spec.path, spec.renderer, spec.release_name,
            spec.values_for(self.environment), self.environment, self.images, self.namespace, self.kubernetes_version,
        )  # fmt: skip

    def request(self, source: Path) -> RenderRequest:
        """The request to a renderer, with the tree of sources below a folder."""
        return RenderRequest(self.spec, self.environment, source, self.images, self.namespace, self.kubernetes_version)

    def __hash__(self) -> int:
        return hash(self.recipe)


def find(repository: GitRepository, commit: str, orders: Collection[Order]) -> dict[str, RenderedComponent]:
    """Component -> its kept rendering, for those whose sources are at this commit as they were when it was made."""
    recipes = {order.recipe: order for order in orders}
    newest = RenderedComponent.objects.filter(recipe__in=recipes).order_by("recipe", "-created_at").distinct("recipe")
    read = dict(newest.values_list("recipe", "reads"))
    ids = repository.ids(commit, {path for paths in read.values() for path in paths}) if read else {}
    wanted = {_input_digest(recipe, paths, ids): recipes[recipe].name for recipe, paths in read.items()}
    return {wanted[row.pk]: row for row in RenderedComponent.objects.filter(pk__in=wanted)}


def keep(order: Order, rendered: Rendered, ids: Mapping[str, str]) -> RenderedComponent:
    """Store what was rendered from sources with these ids by path, unless it is there."""
    row = _row(order, rendered, ids)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:  # another worker was as quick
        row.refresh_from_db()
    return row


def _row(order: Order, result: Rendered, ids: Mapping[str, str]) -> RenderedComponent:
    reads = sorted(result.reads)
    return RenderedComponent(
        input_digest=_input_digest(order.recipe, reads, ids),
        component=order.name,
        files={path: content.decode() for path, content in result.files.items()},
        recipe=order.recipe,
        reads=reads,
    )


def _input_digest(recipe: str, reads: Iterable[str], ids: Mapping[str, str]) -> str:
    return _digest(recipe, [[path, ids.get(path)] for path in sorted(reads)])


def _digest(*inputs: Any) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
