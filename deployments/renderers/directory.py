"""Renders plain manifests: `<path>/common` for every environment and `<path>/<environment>`; needs no tool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deployments.renderers.base import RENDERERS, Rendered, RenderError, RenderRequest
from deployments.renderers.objects import MAXIMUM_OBJECTS, Object, ObjectRefused, flattened
from deployments.renderers.placing import component_images, placed
from deployments.renderers.tree import SourceRefused, content_of, inside, plain_files, plain_folder
from deployments.renderers.yaml_guard import read

COMMON = "common"
_OTHER_RENDERERS = {
    "kustomization.yaml": "kustomize",
    "kustomization.yml": "kustomize",
    "Kustomization": "kustomize",
    "Chart.yaml": "helm",
}


class DirectoryRenderer:
    """Reads YAML and JSON files, folders below included; other files are left alone."""

    def render(self, request: RenderRequest) -> Rendered:
        """One file for each object, canonical; raises RenderError that says what to change."""
        component, images = request.component, component_images(request)
        try:
            objects = list(_objects(request))
            if not objects:
                raise SourceRefused(
                    f"{component.path} holds no manifest.", "Add one that ends in .yaml, .yml or .json."
                )
            return placed(request, images, objects, request.namespace, frozenset({component.path}))
        except (SourceRefused, ObjectRefused) as error:
            raise RenderError(component.name, error.message, error.remedy) from error


def _objects(request: RenderRequest) -> Iterator[Object]:
    root = request.source.resolve()
    count = 0
    for folder in _folders(root, request.component.path, request.environment):
        for file in plain_files(root, folder):
            if file.name in _OTHER_RENDERERS:
                remedy = f"Say renderer: {_OTHER_RENDERERS[file.name]} in platform.yaml."
                raise SourceRefused(f"{file.relative_to(root)} is not for plain folders.", remedy)
            for item in _objects_in(root, file):
                count += 1
                if count > MAXIMUM_OBJECTS:
                    message = f"{request.component.path} holds more than {MAXIMUM_OBJECTS:,} objects."
                    raise SourceRefused(message, "Make several components of it.")
                yield item


def _folders(root: Path, path: str, environment: str) -> list[Path]:
    base = plain_folder(root, path, "platform.yaml")
    present = [name for name in (COMMON, environment) if (base / name).is_dir()]
    if not present:
        inside(root, base, environment, path)
    return [plain_folder(root, f"{path}/{name}", "platform.yaml") for name in present]


def _objects_in(root: Path, file: Path) -> Iterator[Object]:
    if file.suffix in (".yaml", ".yml", ".json"):
        for document in read(content_of(root, file), str(file.relative_to(root)), strict=True):
            yield from flattened(document)


RENDERERS.register("directory")(DirectoryRenderer())
