"""Renders a chart of the repository with helm and the values of the environment."""

from __future__ import annotations

import re
from pathlib import Path

from deployments.renderers.base import RENDERERS, Rendered, RenderError, RenderRequest
from deployments.renderers.charts import check_chart, check_values
from deployments.renderers.child import OUTPUT_LIMIT, TIME_LIMIT, ChildFailed, run
from deployments.renderers.objects import MAXIMUM_OBJECTS, Object, ObjectRefused, flattened
from deployments.renderers.placing import component_images, placed
from deployments.renderers.tools import find, without_place
from deployments.renderers.tree import READING, SourceRefused, inside, plain_folder
from deployments.renderers.yaml_guard import YamlRefused, read

_ENDLESS = re.compile("nested reference name|maximum template depth")
_PLACE = re.compile(r"\S+/templates/\S+?:\d+")
_ORIGIN = re.compile(r"# Source: (?P<template>\S+)")


class HelmRenderer:
    """`helm template` in a child of its own: no network, no plugins, no cluster; the schema of the values holds."""

    def __init__(
        self, helm: Path | None = None, *, time_limit: float = TIME_LIMIT, output_limit: int = OUTPUT_LIMIT
    ) -> None:
        self._helm = helm
        self._time_limit = time_limit
        self._output_limit = output_limit

    def render(self, request: RenderRequest) -> Rendered:
        """One file for each object, canonical; raises RenderError that says what to change."""
        component, images = request.component, component_images(request)
        try:
            objects = _objects_in(self._template(request))
            return placed(request, images, objects, request.namespace, frozenset({component.path}))
        except (SourceRefused, ObjectRefused) as error:
            raise RenderError(component.name, error.message, error.remedy) from error
        except ChildFailed as error:
            message = _words(without_place(error.message, request.source))
            raise RenderError(
                component.name, message, f"Try `helm template {component.path}` at this commit."
            ) from error

    def _template(self, request: RenderRequest) -> bytes:
        component, root = request.component, request.source.resolve()
        if not request.kubernetes_version:
            message = f"The environment {request.environment} names no version of Kubernetes, which charts ask for."
            raise RenderError(component.name, message, "Write destination.kubernetesVersion into platform.yaml.")
        with READING:
            chart = plain_folder(root, component.path, "platform.yaml")
            check_chart(root, chart)
            values = [_values_file(root, chart, place) for place in component.values_for(request.environment)]
        program = [str(self._helm or find("helm")), "template", component.release_name, str(chart)]
        program += ["--namespace", request.namespace or "default", "--kube-version", request.kubernetes_version]
        program += ["--include-crds", "--skip-tests", *(f"--values={file}" for file in values)]
        return run(program, time_limit=self._time_limit, output_limit=self._output_limit)


def _words(message: str) -> str:
    """Helm's words without its log, and one sentence for a template that would go on for ever."""
    lines = [line for line in message.splitlines() if line and not line.startswith(("level=", "Use --debug"))]
    text = "\n".join(lines).removeprefix("Error: ")
    if _ENDLESS.search(message) or message.count("error calling include") > 8:
        place = _PLACE.search(text)
        return f"{place[0] if place else 'The chart'}: A template includes itself without end."
    return text


def _values_file(root: Path, chart: Path, place: str) -> Path:
    file = inside(root, chart, place, f"{chart.relative_to(root)}/{place}")
    if file != chart / place or not file.is_file():
        raise SourceRefused(f"{chart.relative_to(root)}/{place} is no file of its own.", "Commit the file itself.")
    check_values(root, file)
    return file


def _objects_in(output: bytes) -> list[Object]:
    """What templates printed, held to the same rules as what people write; errors name the template."""
    try:
        documents = read(output, "The rendered chart", strict=True, most=MAXIMUM_OBJECTS)
    except YamlRefused as error:
        before = output.decode("utf-8", "replace").split("\n")[: error.line]
        origin = next((found["template"] for line in reversed(before) if (found := _ORIGIN.match(line))), "")
        where = f"{origin} gives: " if origin else ""
        raise ObjectRefused(f"{where}{error.cause}", error.remedy) from error
    return [item for document in documents for item in flattened(document)]


RENDERERS.register("helm")(HelmRenderer())
