"""From a release to files: the components as their commit describes them, rendered once for each set of inputs."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from controlpanel.catalog import connections
from controlpanel.catalog.document import CatalogDocument, ComponentSpec, parse, waves
from controlpanel.catalog.errors import CatalogError
from controlpanel.catalog.models import Environment
from controlpanel.clients.errors import GitRefNotFound, GitUnsafe
from controlpanel.clients.git import GitRepository
from controlpanel.core.crashpoints import crashpoint
from controlpanel.core.errors import InvalidError
from deployments.models import Release, RenderedComponent
from deployments.renderers.base import RENDERERS, RenderError, RenderRequest, render_digest

RENDERING_VERSION = 1
"""Part of every input digest: raise it when the same inputs may give other files."""


class NotRenderable(InvalidError):
    """A release that cannot be rendered for an environment; the remedy says what to mend."""


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """What a release gives in an environment. `files` are paths in the deploy repository with their content."""

    document: CatalogDocument
    parts: dict[str, str]
    files: dict[str, bytes]
    waves: tuple[tuple[str, ...], ...]

    @property
    def digest(self) -> str:
        """The `render_digest`: hexadecimal SHA-256 over all files."""
        return render_digest(self.files)

    @property
    def components(self) -> tuple[str, ...]:
        """Names in the order of the waves."""
        return tuple(name for wave in self.waves for name in wave)

    def of(self, component: str) -> dict[str, bytes]:
        """The files of one component."""
        return {path: content for path, content in self.files.items() if path.split("/", 1)[0] == component}


def render_release(release: Release, environment: Environment, components: Sequence[str] = ()) -> Rendering:
    """Render the release's components (or some of them) for the environment.

    Raises `NotRenderable` for what the release's author can mend and `GitError` where the repository does not answer.
    """
    repository = connections.platform_repository()
    document = _document(repository, release, environment)
    chosen = _chosen(document, components)
    parts = {spec.name: _input_digest(spec, release, environment) for spec in chosen}
    crashpoint("render.before")
    known = dict(RenderedComponent.objects.filter(pk__in=parts.values()).values_list("input_digest", "files"))
    missing = [spec for spec in chosen if parts[spec.name] not in known]
    for name, files in _render(repository, release, environment, missing).items():
        text = {path: content.decode() for path, content in files.items()}
        RenderedComponent.objects.get_or_create(input_digest=parts[name], defaults={"component": name, "files": text})
        known[parts[name]] = text
    crashpoint("render.after")
    files = {path: text.encode() for digest in parts.values() for path, text in known[digest].items()}
    order = waves(document.components, {spec.name for spec in chosen})
    return Rendering(document=document, parts=parts, files=files, waves=order)


def stored(parts: dict[str, str]) -> dict[str, bytes]:
    """The files of components that were rendered before, by their input digests. Raises `KeyError` for a lost one."""
    rows = dict(RenderedComponent.objects.filter(pk__in=parts.values()).values_list("input_digest", "files"))
    return {path: text.encode() for digest in parts.values() for path, text in rows[digest].items()}


def _document(repository: GitRepository, release: Release, environment: Environment) -> CatalogDocument:
    repository.fetch()
    try:
        text = repository.files(release.commit, "platform.yaml").get("platform.yaml")
    except GitRefNotFound as error:  # the repository answered, so waiting would not help
        raise NotRenderable(
            error.sentence, f"Push commit {release.commit[:12]}, or make a release of one that is there."
        ) from error
    if text is None:
        raise NotRenderable(
            f"Commit {release.commit[:12]} of release {release.version} holds no platform.yaml.",
            "Make a release whose commit is one of the platform repository.",
        )
    try:
        document = parse(text.decode(), filename=f"platform.yaml at {release.commit[:12]}")
        environment_spec = document.environment(environment.name)
    except CatalogError as error:
        raise NotRenderable(
            f"Release {release.version} has a catalog that cannot be read: {error}", "Mend it and make a new release."
        ) from error
    except UnicodeDecodeError as error:
        raise NotRenderable(
            f"platform.yaml of release {release.version} is not UTF-8.", "Save it as UTF-8 and make a new release."
        ) from error
    except KeyError:
        raise NotRenderable(
            f"The catalog of release {release.version} knows no environment {environment.name}.",
            "Make a release of a newer commit.",
        ) from None
    if environment_spec.require_ancestor and not repository.is_ancestor(
        release.commit, repository.resolve(settings.CONFIGURATION.platform_repo_ref)
    ):
        raise NotRenderable(
            f"Commit {release.commit[:12]} is not part of {settings.CONFIGURATION.platform_repo_ref}.",
            "Merge it and make a release of the merged commit.",
        )
    return document


def _chosen(document: CatalogDocument, names: Sequence[str]) -> list[ComponentSpec]:
    known = {spec.name: spec for spec in document.components}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise NotRenderable(
            f"There is no component {', '.join(unknown)}.", f"Choose from {', '.join(known)}.", field="components"
        )
    return [spec for name, spec in known.items() if not names or name in names]


def _images(spec: ComponentSpec, release: Release) -> dict[str, str]:
    return {key: release.images[key] for key in spec.images if key in release.images}


def _input_digest(spec: ComponentSpec, release: Release, environment: Environment) -> str:
    inputs = [
        RENDERING_VERSION,
        release.commit,
        spec.name,
        spec.path,
        spec.renderer,
        environment.name,
        _images(spec, release),
    ]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _render(
    repository: GitRepository, release: Release, environment: Environment, specs: list[ComponentSpec]
) -> dict[str, dict[str, bytes]]:
    if not specs:
        return {}
    with tempfile.TemporaryDirectory(prefix="render-") as directory:
        source = Path(directory)
        _export(repository, release, source)
        requests = [
            RenderRequest(component=spec, environment=environment.name, source=source, images=_images(spec, release))
            for spec in specs
        ]
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(_render_one, requests))
    return {request.component.name: files for request, files in zip(requests, results, strict=True)}


def _export(repository: GitRepository, release: Release, source: Path) -> None:
    try:
        repository.export(release.commit, source)
    except GitUnsafe as error:  # it stays so at this commit: waiting would not help
        raise NotRenderable(error.sentence, f"{error.remedy} Then make a new release.") from error


def _render_one(request: RenderRequest) -> Rendered:
    try:
        return RENDERERS[request.component.renderer].render(request)
    except RenderError as error:
        raise NotRenderable(
            f"{error.component} does not render. {error.message}",
            error.remedy or "Fix it in the platform repository and try again.",
        ) from error
