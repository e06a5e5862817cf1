"""What a renderer is: a component at a commit, an environment and images in, one file for each object out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from controlpanel.catalog.document import ComponentSpec
from controlpanel.core.registry import Registry


@dataclass(frozen=True)
class RenderRequest:
    """`source` is the platform repository's tree at the release's commit; `images` maps keys to `name@sha256:…`.

    `namespace` is where the component lives in the environment; charts are shown `kubernetes_version` as the cluster's.
    """

    component: ComponentSpec
    environment: str
    source: Path
    images: Mapping[str, str]
    namespace: str = ""
    kubernetes_version: str = ""


@dataclass(frozen=True)
class Rendered:
    """`files`: `<component>/<namespace>/<Kind>-<name>.yaml` -> canonical YAML of one object.

    `reads` are paths below the source (files, or folders with all in them; "." for the whole): while these are equal in
    another commit, and the rest of the request too, the files are equal.
    """

    files: dict[str, bytes]
    reads: frozenset[str]


class RenderError(Exception):
    """A component cannot be rendered; `message` keeps the tool's own words where it spoke."""

    def __init__(self, component: str, message: str, remedy: str) -> None:
        self.component = component
        self.message = message
        self.remedy = remedy
        super().__init__(f"{component}: {message} {remedy}")


class Renderer(Protocol):
    """Turns a request into files. Same request, same bytes; no clock, no database, no network."""

    def render(self, request: RenderRequest) -> Rendered:
        """The component's files; raises RenderError that says what to change."""


RENDERERS: Registry[Renderer] = Registry("renderer")


def render_all(requests: Iterable[RenderRequest], *, parallel: int = 2) -> dict[str, bytes]:
    """Files of several components, `parallel` of them at once; raises the RenderError of the first that fails."""
    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="render") as pool:
        rendered = list(pool.map(lambda request: RENDERERS[request.component.renderer].render(request), requests))
    return {path: content for one in rendered for path, content in one.files.items()}


def render_digest(files: Mapping[str, bytes]) -> str:
    """Hex SHA-256 over the lines `<sha256>  <path>` in the order of the paths' bytes, as `sha256sum` prints them."""
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.encode("utf-8")):
        digest.update(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n".encode())
    return digest.hexdigest()
