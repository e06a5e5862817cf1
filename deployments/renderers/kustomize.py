"""Renders `<path>/overlays/<environment>` with kustomize, the release's images put in for their placeholders."""

from __future__ import annotations

from pathlib import Path

from deployments.renderers.base import RENDERERS, Rendered, RenderError, RenderRequest
from deployments.renderers.child import OUTPUT_LIMIT, TIME_LIMIT, ChildFailed, run
from deployments.renderers.objects import ObjectRefused, objects_of
from deployments.renderers.placing import component_images, placed, put_namespace
from deployments.renderers.sources import Closure, check_overlay
from deployments.renderers.tools import find, without_place
from deployments.renderers.tree import READING, SourceRefused

# kustomize hands a chart's values to helm in a file below TMPDIR; nothing else may be written.
_VALUES_BYTES = 1_000_000


class KustomizeRenderer:
    """`kubectl kustomize` in a child of its own; `kubectl` is found beside this Python, else on the PATH."""

    def __init__(
        self, kubectl: Path | None = None, *, time_limit: float = TIME_LIMIT, output_limit: int = OUTPUT_LIMIT
    ) -> None:
        self._kubectl = kubectl
        self._time_limit = time_limit
        self._output_limit = output_limit

    def render(self, request: RenderRequest) -> Rendered:
        """One file for each object, canonical; raises RenderError that says what to change."""
        component, images = request.component, component_images(request)
        overlay = f"{component.path}/overlays/{request.environment}"
        try:
            with READING:
                closure = check_overlay(request.source, overlay)
            objects = objects_of(self._build(request, overlay, closure))
            if closure.charts:  # kustomize puts no namespace on what comes from a chart
                put_namespace(objects, request.namespace)
            return placed(request, images, objects, "", closure.reads(request.source.resolve()))
        except (SourceRefused, ObjectRefused) as error:
            raise RenderError(component.name, error.message, error.remedy) from error
        except ChildFailed as error:
            message = without_place(error.message, request.source)
            raise RenderError(component.name, message, f"Try `kubectl kustomize {overlay}` at this commit.") from error

    def _build(self, request: RenderRequest, overlay: str, closure: Closure) -> bytes:
        program, written = [str(self._kubectl or find("kubectl")), "kustomize"], 0
        if closure.charts:
            program, written = [*program, *_helm_options(request)], _VALUES_BYTES
        program.append(str(request.source.resolve() / overlay))
        return run(program, time_limit=self._time_limit, output_limit=self._output_limit, write_limit=written)


def _helm_options(request: RenderRequest) -> list[str]:
    if not request.kubernetes_version:
        message = f"The environment {request.environment} names no version of Kubernetes, which charts ask for."
        raise RenderError(request.component.name, message, "Write destination.kubernetesVersion into platform.yaml.")
    return ["--enable-helm", "--helm-command", str(find("helm")), "--helm-kube-version", request.kubernetes_version]


RENDERERS.register("kustomize")(KustomizeRenderer())
